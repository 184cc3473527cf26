-- platform.forget_refusals(user): forgets the user's oldest refusals that changed nothing, but for the newest
-- platform.refusals_kept(). For platform.idempotency_end, which has the user's lock. At most 1,000 are removed at once.
CREATE OR REPLACE FUNCTION platform.forget_refusals(p_user uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	DELETE FROM platform.idempotency i
	WHERE i.ctid = ANY (ARRAY(
		SELECT o.ctid FROM platform.idempotency o
		WHERE o.user_id = p_user AND o.refused IS TRUE
		ORDER BY o.created_at DESC OFFSET platform.refusals_kept() LIMIT 1000))
	  AND i.user_id = p_user;
END
$$;
