-- platform.idempotency_settle(user, operation, key, request_hash, reply): as
-- idempotency_end, for what is settled long after its request, by whoever comes:
-- should another answer be kept under the key meanwhile, that one stays, and
-- nothing is raised. What has happened to the money must be written down whatever
-- became of the key. The caller has locked the user.
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
