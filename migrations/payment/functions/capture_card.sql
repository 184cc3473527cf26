-- payment.capture_card(payment, card): the provider has captured the money of a PENDING payment.
--   CREATED   the Payment: APPROVED, and its reservation is CONFIRMED. Also long after the hold's end, if the
--             reservation still has its seats
--   other     the refusal of reservation.confirm, {paymentId}: the payment is REFUND_PENDING, and the money goes back
-- The answer is stored under the payment's idempotency key. If a webhook waits for a look-up, that look-up stays due.
--
-- The caller has locked the user. Locks the reservation, then its seats.
CREATE OR REPLACE FUNCTION payment.capture_card(p_payment payment.payments, p_card payment.cards)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_confirm	platform.reply := reservation.confirm(p_payment.reservation_id, p_payment.payment_id);
	v_ours		boolean := v_confirm.outcome = 'OK';
	v_payment	payment.payments;
	v_reply		platform.reply;
BEGIN
	UPDATE payment.payments p
	SET status = CASE WHEN v_ours THEN 'APPROVED' ELSE 'REFUND_PENDING' END, approved_at = v_now
	WHERE p.payment_id = p_payment.payment_id AND p.status = 'PENDING'
	RETURNING p.* INTO STRICT v_payment;
	UPDATE payment.cards c
	SET due_at = CASE WHEN NOT v_ours THEN v_now WHEN c.nudged THEN c.heard_at END, leased_until = NULL, tries = 0,
	    asked_at = CASE WHEN v_ours AND NOT c.nudged THEN c.asked_at ELSE v_now END
	WHERE c.payment_id = p_payment.payment_id;

	IF v_ours THEN
		v_reply := platform.created(payment.payment_json(v_payment)::text, p_card.request_id);
	ELSE
		v_reply := platform.refuse(v_confirm.outcome,
		    (SELECT row_to_json(r)::text FROM (SELECT p_payment.payment_id AS "paymentId") r), p_card.request_id);
	END IF;
	RETURN platform.idempotency_settle(p_payment.user_id, 'payments.pay', p_card.idempotency_key, p_card.request_hash, v_reply);
END
$$;
