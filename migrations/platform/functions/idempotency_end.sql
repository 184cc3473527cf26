-- platform.idempotency_end(user, operation, key, request_hash, reply): the last call of each idempotent function:
-- `RETURN platform.idempotency_end(...)`. It stores the reply if it is definite, and returns it. With key NULL it
-- stores nothing. The caller has locked the user.
--
-- Definite are the HTTP statuses 2xx, 402, 404, 409 and 410. Not stored are errors of the request itself (400, 403,
-- 422) and states that soon pass (PAYMENT_IN_PROGRESS, 429, 5xx).
--
-- A user's refusals that changed nothing (404, 409, 410) are bounded: only the newest platform.refusals_kept() stay, so
-- that no user can fill the disk. If a client repeats a request whose refusal was removed, the request runs again. This
-- is safe, because the first run changed nothing. Answers that name a payment (a 402, or money that came too late)
-- changed something, and are never removed early. A declined charge may be removed early: its row in point.charges
-- declines the repetition.
CREATE OR REPLACE FUNCTION platform.idempotency_end(
	p_user		uuid,
	p_operation	text,
	p_key		text,
	p_request_hash	text,
	p_reply		platform.reply)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_refused	boolean := p_reply.outcome NOT IN ('OK', 'CREATED', 'ACCEPTED', 'NO_CONTENT')
	    AND (p_reply.body LIKE '%"paymentId"%') IS NOT TRUE;
BEGIN
	IF p_key IS NOT NULL AND p_reply.outcome NOT IN (
	    'INVALID_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN',
	    'QUEUE_TOKEN_REQUIRED', 'QUEUE_TOKEN_NOT_ACTIVE', 'QUEUE_TOKEN_MISMATCH',
	    'IDEMPOTENCY_KEY_REQUIRED', 'IDEMPOTENCY_KEY_REUSED', 'IDEMPOTENCY_KEY_IN_USE',
	    'PAYMENT_IN_PROGRESS',
	    'QUEUE_FULL', 'TOO_MANY_REQUESTS', 'INTERNAL_ERROR', 'SERVICE_UNAVAILABLE', 'OUTCOME_UNKNOWN') THEN
		-- If two requests get here despite the lock, the primary key lets only one commit.
		INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, body, request_id, refused)
		VALUES (p_user, p_operation, p_key, p_request_hash, p_reply.outcome, p_reply.body, p_reply.request_id, v_refused);
		-- Runs only for one refusal in ten, because it counts all refusals of the user.
		IF v_refused AND random() < 0.1 THEN
			PERFORM platform.forget_refusals(p_user);
		END IF;
	END IF;
	RETURN p_reply;
END
$$;
GRANT EXECUTE ON FUNCTION platform.idempotency_end(uuid, text, text, text, platform.reply)
	TO reservation_owner, payment_owner, point_owner;
