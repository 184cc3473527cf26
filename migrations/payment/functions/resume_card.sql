-- payment.resume_card(user, idempotency_key, request_hash, request_id): what a
-- repeated request is told while the payment that its key began is PENDING:
-- IDEMPOTENCY_KEY_IN_USE while the first request may still be asking the provider,
-- afterwards ACCEPTED with the Payment, and the resolver is to look at it soon (payment.nudge_card).
-- IDEMPOTENCY_KEY_REUSED for another request. Outcome NULL: there is no such payment.
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
BEGIN
	SELECT p.* INTO v_payment
	FROM payment.payments p
	WHERE p.user_id = p_user AND (p.status = 'PENDING') IS TRUE AND p_idempotency_key =
	    (SELECT c.idempotency_key FROM payment.cards c WHERE c.payment_id = p.payment_id);
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;

	SELECT c.* INTO STRICT v_card FROM payment.cards c WHERE c.payment_id = v_payment.payment_id;
	IF v_card.request_hash <> p_request_hash THEN
		RETURN platform.refuse('IDEMPOTENCY_KEY_REUSED', NULL, p_request_id);
	ELSIF v_card.tries = 0 AND v_card.leased_until > clock_timestamp() THEN
		RETURN platform.refuse('IDEMPOTENCY_KEY_IN_USE', NULL, p_request_id);
	END IF;

	PERFORM payment.nudge_card(v_payment.payment_id);
	RETURN ROW('ACCEPTED', payment.payment_json(v_payment)::text, NULL, false, p_request_id)::platform.reply;
END
$$;
