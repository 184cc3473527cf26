-- payment.resume_card(user, idempotency_key, request_hash, request_id): the answer to a repeated request while the
-- payment that its key began is PENDING: a refusal of platform.card_resume, or ACCEPTED with the Payment. ACCEPTED also
-- makes a look-up due (payment.nudge_card). Outcome NULL: no PENDING payment has this key.
--
-- The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.resume_card(
	p_user			uuid,
	p_idempotency_key	text,
	p_request_hash		text,
	p_request_id		text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_payment	payment.payments;
	v_card		payment.cards;
	v_reply		platform.reply;
BEGIN
	SELECT p.* INTO v_payment
	FROM payment.payments p
	WHERE uuid_hash_extended(p.user_id, 0) = uuid_hash_extended(p_user, 0) AND (p.user_id = p_user) IS TRUE
	  AND (p.status = 'PENDING') IS TRUE AND p_idempotency_key =
	    (SELECT c.idempotency_key FROM payment.cards c WHERE c.payment_id = p.payment_id);
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;

	SELECT c.* INTO STRICT v_card FROM payment.cards c WHERE c.payment_id = v_payment.payment_id;
	v_reply := platform.card_resume(v_card.request_hash, p_request_hash, v_card.tries, v_card.leased_until, p_request_id);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;

	PERFORM payment.nudge_card(v_payment.payment_id);
	RETURN ROW('ACCEPTED', payment.payment_json(v_payment)::text, NULL, false, p_request_id)::platform.reply;
END
$$;
