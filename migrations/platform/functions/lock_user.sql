-- platform.lock_user(user): locks the user until the transaction ends. So the writes of one user run one after another.
-- To lock a user again within the transaction costs nothing.
--
-- Each function that changes something of a user and may be called many times in one transaction locks the user first.
-- There is one lock for the user, not one for each key or row. So two batches that are sorted by user cannot deadlock,
-- whatever keys and rows they name.
CREATE OR REPLACE FUNCTION platform.lock_user(p_user uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM pg_advisory_xact_lock(hashtextextended('user ' || p_user, 0));
END
$$;
GRANT EXECUTE ON FUNCTION platform.lock_user(uuid) TO reservation_owner, payment_owner, point_owner;
