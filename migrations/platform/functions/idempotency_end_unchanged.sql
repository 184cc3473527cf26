-- platform.idempotency_end_unchanged(user, operation, key, request_hash, reply): platform.idempotency_end for a success that
-- changed nothing, for example the cancellation of what is cancelled already. Its answer is bounded like a refusal: only
-- the newest platform.refusals_kept() stay. A repetition whose answer was removed runs again, and changes nothing again.
CREATE OR REPLACE FUNCTION platform.idempotency_end_unchanged(
	p_user		uuid,
	p_operation	text,
	p_key		text,
	p_request_hash	text,
	p_reply		platform.reply)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reply	platform.reply := platform.idempotency_end(p_user, p_operation, p_key, p_request_hash, p_reply);
BEGIN
	UPDATE platform.idempotency i SET refused = true
	WHERE i.user_id = p_user AND i.operation = p_operation AND i.key = p_key;
	-- As seldom as in idempotency_end.
	IF FOUND AND random() < 0.1 THEN
		PERFORM platform.forget_refusals(p_user);
	END IF;
	RETURN v_reply;
END
$$;
GRANT EXECUTE ON FUNCTION platform.idempotency_end_unchanged(uuid, text, text, text, platform.reply) TO reservation_owner;
