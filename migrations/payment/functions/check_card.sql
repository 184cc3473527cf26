-- payment.check_card(payment, card, result): applies the provider's answer about an APPROVED payment that a webhook or
-- an operator made due. `result` is as in payment.settle_card:
--   CANCELLED                   all of the money was given back at the provider: the payment is REFUNDED and its
--                               reservation CANCELLED. OK with the Payment
--   CAPTURED                    the provider has the money, as expected
--   UNWANTED                    a part was given back: the payment stays APPROVED, and payment.invariants shows it
--                               (partly_given_back_elsewhere)
--   ABSENT, DECLINED, UNKNOWN   no certain answer: a look-up is due again. After 31 minutes
--                               (platform.card_forgotten_after), ABSENT and DECLINED mean that nothing was given back
-- The outcome is NULL, except for CANCELLED.
--
-- The caller has locked the user. Locks the reservation, then its seats.
CREATE OR REPLACE FUNCTION payment.check_card(p_payment payment.payments, p_card payment.cards, p_result text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_payment	payment.payments;
	v_step		platform.reply;
BEGIN
	IF p_result = 'CANCELLED' THEN
		v_step := reservation.given_back(p_payment.reservation_id);
		IF v_step.outcome <> 'OK' THEN
			RAISE EXCEPTION 'the reservation of payment % was not cancelled: %', p_payment.payment_id, v_step.outcome;
		END IF;
		UPDATE payment.payments p SET status = 'REFUNDED', refunded_amount = p.amount, refunded_at = v_now
		WHERE p.payment_id = p_payment.payment_id AND p.status = 'APPROVED' AND p.refunded_amount = 0
		RETURNING p.* INTO STRICT v_payment;
		UPDATE payment.cards c SET due_at = NULL, leased_until = NULL, nudged = false, provider_code = NULL
		WHERE c.payment_id = p_payment.payment_id;
		RETURN platform.ok(payment.payment_json(v_payment)::text);
	ELSIF p_card.due_at IS NULL THEN
		RETURN NULL;
	ELSIF p_result IN ('CAPTURED', 'UNWANTED')
	    OR p_result IN ('ABSENT', 'DECLINED') AND p_card.asked_at < v_now - platform.card_forgotten_after() THEN
		UPDATE payment.cards c
		SET due_at = CASE WHEN c.nudged THEN c.heard_at END, leased_until = NULL, tries = 0, asked_at = v_now,
		    provider_code = CASE p_result WHEN 'CAPTURED' THEN NULL WHEN 'UNWANTED' THEN 'PARTIAL_CANCELED' ELSE c.provider_code END
		WHERE c.payment_id = p_payment.payment_id;
	ELSE
		PERFORM payment.put_off_card(p_payment.payment_id, false);
	END IF;
	RETURN NULL;
END
$$;
