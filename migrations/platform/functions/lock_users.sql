-- platform.lock_users(users): locks each of these users (platform.lock_user), in the order of their ids. Each function
-- that works for many users begins with it, so two such functions cannot deadlock.
CREATE OR REPLACE FUNCTION platform.lock_users(p_users uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	-- The same lock key as in lock_user.
	PERFORM pg_advisory_xact_lock(hashtextextended('user ' || u.user_id, 0))
	FROM (SELECT DISTINCT a AS user_id FROM unnest(p_users) a ORDER BY 1) u;
END
$$;
GRANT EXECUTE ON FUNCTION platform.lock_users(uuid[]) TO reservation_owner, payment_owner, point_owner;
