-- platform.lock_user(user): until the transaction ends, what this user does is
-- done one after the other; again within the transaction it costs nothing.
--
-- The first thing that every function does which changes something of a user's
-- and may be called many times in one transaction. One lock a user, not one a
-- key or a row: then two batches sorted by user never wait in a circle, whatever
-- keys and rows of one user they name in whatever order.
CREATE OR REPLACE FUNCTION platform.lock_user(p_user uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('user ' || p_user, 0));
END
$$;
GRANT EXECUTE ON FUNCTION platform.lock_user(uuid) TO reservation_owner, payment_owner, point_owner;
