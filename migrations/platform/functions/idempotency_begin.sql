-- platform.idempotency_begin(user, operation, key, request_hash): the first call of each idempotent function. It looks
-- for an answer that is stored under (user, operation, key). The outcome of the reply is:
--   NULL                      no answer is stored, or key is NULL: the caller goes on, and ends with
--                             platform.idempotency_end
--   IDEMPOTENCY_KEY_REUSED    the key belongs to another request: the caller returns this reply
--   other                     the stored answer, with replayed true: the caller returns this reply
--
-- Locks the user (platform.lock_user), unless key is NULL. So a duplicate waits here until the first request has ended.
-- If it waits longer than lock_timeout, PostgreSQL raises 55P03, and the service answers IDEMPOTENCY_KEY_IN_USE.
--
-- The look-up is a statement after the lock, so that it sees what the first request has committed meanwhile. A client that
-- got no answer repeats its request, and a replay tells it that the first one is done. So the replay's commit waits for the
-- synchronous standby, as the first one's should have (platform.wait_for_standby).
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
	PERFORM platform.wait_for_standby();
	RETURN ROW(v_first.outcome, v_first.body, NULL, true, v_first.request_id)::platform.reply;
END
$$;
GRANT EXECUTE ON FUNCTION platform.idempotency_begin(uuid, text, text, text) TO reservation_owner, payment_owner, point_owner;
