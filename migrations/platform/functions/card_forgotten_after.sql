-- platform.card_forgotten_after(): after this time the card provider has forgotten a payment that was never confirmed, and no
-- confirm can take its money any more. The provider forgets it within 30 minutes; we wait one more.
CREATE OR REPLACE FUNCTION platform.card_forgotten_after() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT interval '31 minutes'
$$;
GRANT EXECUTE ON FUNCTION platform.card_forgotten_after() TO payment_owner, point_owner;
