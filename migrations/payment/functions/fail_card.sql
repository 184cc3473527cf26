-- payment.fail_card(payment, code, provider_code, watch_at): makes a PENDING card payment FAILED and stores the answer
-- under its idempotency key: the error `code` of the contract with {paymentId}, and with providerCode if there is one.
-- Returns that answer.
-- watch_at: when to look up whether the money was captured after all. NULL: the provider's answer is final.
--
-- The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.fail_card(
	p_payment	uuid,
	p_code		text,
	p_provider_code	text,
	p_watch_at	timestamptz)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_payment	payment.payments;
	v_card		payment.cards;
BEGIN
	UPDATE payment.payments p SET status = 'FAILED', failure_code = p_code
	WHERE p.payment_id = p_payment AND p.status = 'PENDING'
	RETURNING p.* INTO STRICT v_payment;
	UPDATE payment.cards c
	SET provider_code = p_provider_code, leased_until = NULL, tries = 0, nudged = c.nudged AND p_watch_at IS NOT NULL,
	    due_at = CASE WHEN p_watch_at IS NOT NULL THEN least(p_watch_at, CASE WHEN c.nudged THEN c.heard_at END) END
	WHERE c.payment_id = p_payment
	RETURNING c.* INTO STRICT v_card;

	RETURN platform.idempotency_settle(v_payment.user_id, 'payments.pay', v_card.idempotency_key, v_card.request_hash,
	    platform.refuse(p_code, CASE WHEN p_provider_code IS NULL
		THEN (SELECT row_to_json(r)::text FROM (SELECT p_payment AS "paymentId") r)
		ELSE (SELECT row_to_json(r)::text FROM (SELECT p_provider_code AS "providerCode", p_payment AS "paymentId") r)
		END, v_card.request_id));
END
$$;
