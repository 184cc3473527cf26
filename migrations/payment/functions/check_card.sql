-- payment.check_card(payment, card, result): applies the provider's answer about an APPROVED payment that a webhook or
-- an operator made due:
--   CANCELLED   all of its money was given back at the provider: REFUNDED, and its reservation is CANCELLED. OK with
--               the Payment
--   CAPTURED    the provider has the money, as expected
--   UNWANTED    a part was given back: it stays APPROVED, and payment.invariants names it (partly_given_back_elsewhere)
--   ABSENT, DECLINED, UNKNOWN
--               no certain answer: due again. For ABSENT and DECLINED 31 minutes at most: nothing was given back
-- Outcome NULL but for CANCELLED. The caller has locked the user.
--
-- Locks the reservation with its seats.
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
	    OR p_result IN ('ABSENT', 'DECLINED') AND p_card.asked_at < v_now - interval '31 minutes' THEN
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
