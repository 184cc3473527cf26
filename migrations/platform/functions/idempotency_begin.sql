-- platform.idempotency_begin(user, operation, key, request_hash): the first
-- thing an idempotent function calls. The reply's outcome is
--   NULL                      nothing is stored: go on, end with idempotency_end;
--   IDEMPOTENCY_KEY_REUSED    the key was used for another request: return it;
--   anything else             the first answer (replayed is true): return it.
-- Without a key (NULL) nothing is stored, and nothing is asked.
--
-- Locks the user (platform.lock_user), so a duplicate waits here for the first
-- one, at most lock_timeout: 55P03 is then the caller's IDEMPOTENCY_KEY_IN_USE.
-- The look comes after the lock, as a statement of its own: it must see what was
-- committed while it waited.
CREATE OR REPLACE FUNCTION platform.idempotency_begin(
	p_user		uuid,
	p_operation	text,
	p_key		text,
	p_request_hash	text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_first	platform.idempotency;
BEGIN
	IF p_key IS NULL THEN
		RETURN NULL;
	END IF;

	PERFORM platform.lock_user(p_user);

	SELECT * INTO v_first FROM platform.idempotency i
	WHERE i.user_id = p_user AND i.operation = p_operation AND i.key = p_key;

	IF NOT FOUND THEN
		RETURN NULL;
	ELSIF v_first.request_hash IS DISTINCT FROM p_request_hash THEN
		RETURN platform.refuse('IDEMPOTENCY_KEY_REUSED');
	END IF;
	RETURN ROW(v_first.outcome, v_first.body, NULL, true, v_first.request_id)::platform.reply;
END
$$;
GRANT EXECUTE ON FUNCTION platform.idempotency_begin(uuid, text, text, text) TO reservation_owner, payment_owner, point_owner;
