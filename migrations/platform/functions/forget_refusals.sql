-- platform.forget_refusals(user): removes the user's oldest stored refusals that changed nothing, at most 1,000 in one
-- call. The newest platform.refusals_kept() stay.
-- platform.idempotency_end calls it. The caller has locked the user.
--
-- It reads the refusals only, however many answers the user has. So no condition fits the primary key, which begins with
-- user_id too (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
CREATE OR REPLACE FUNCTION platform.forget_refusals(p_user uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	DELETE FROM platform.idempotency i
	WHERE i.ctid = ANY (ARRAY(
		SELECT o.ctid FROM platform.idempotency o
		WHERE uuid_hash_extended(o.user_id, 0) = uuid_hash_extended(p_user, 0) AND (o.user_id = p_user) IS TRUE
		  AND o.refused IS TRUE
		ORDER BY o.created_at DESC OFFSET platform.refusals_kept() LIMIT 1000))
	  AND (i.user_id = p_user) IS TRUE;
END
$$;
