-- platform.card_heard_at(now, heard_at): when the look-up that a webhook causes begins: now, or 10 seconds after heard_at, the
-- time of the last look-up that a webhook caused (NULL: none).
CREATE OR REPLACE FUNCTION platform.card_heard_at(p_now timestamptz, p_heard_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT greatest(p_now, p_heard_at + interval '10 s')
$$;
GRANT EXECUTE ON FUNCTION platform.card_heard_at(timestamptz, timestamptz) TO payment_owner, point_owner;
