-- platform.idempotency_settle(user, operation, key, request_hash, reply): stores the answer of a payment or charge that
-- is settled after its request has ended, for example by the resolver. It does what platform.idempotency_end does, with
-- one difference: if another answer is stored under the key already, that answer stays, and nothing is raised. The
-- state of the money must be written down in any case.
-- The caller has locked the user.
CREATE OR REPLACE FUNCTION platform.idempotency_settle(
	p_user		uuid,
	p_operation	text,
	p_key		text,
	p_request_hash	text,
	p_reply		platform.reply)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	IF EXISTS (SELECT FROM platform.idempotency i
	    WHERE i.user_id = p_user AND i.operation = p_operation AND i.key = p_key) THEN
		RETURN p_reply;
	END IF;
	RETURN platform.idempotency_end(p_user, p_operation, p_key, p_request_hash, p_reply);
END
$$;
GRANT EXECUTE ON FUNCTION platform.idempotency_settle(uuid, text, text, text, platform.reply) TO payment_owner, point_owner;
