-- payment.confirm_again(user, payment, timeout_ms): for the resolver, after the provider has said that it captured no
-- money for a PENDING payment. May the service send the confirm again, with the same key? timeout_ms is the time limit
-- of the call, in milliseconds.
--   BEGUN        yes; the provider's answer goes to payment.settle_card
--   NO_CONTENT   no: the payment is settled, or the hold is over while the last confirm may still arrive at the
--                provider. Look it up again later
--   RESERVATION_EXPIRED, RESERVATION_CANCELLED   {paymentId}: the hold is over, and the last confirm is too old to
--                                                arrive. The payment is FAILED. Further look-ups follow, and if the
--                                                money was captured after all, the resolver cancels it
--
-- Locks the user, then the reservation, then its seats.
CREATE OR REPLACE FUNCTION payment.confirm_again(p_user uuid, p_payment uuid, p_timeout_ms int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_payment	payment.payments;
	v_claim		platform.reply;
	v_now		timestamptz;
	v_certain_at	timestamptz;
BEGIN
	PERFORM platform.lock_user(p_user);
	SELECT p.* INTO v_payment FROM payment.payments p
	WHERE p.payment_id = p_payment AND p.user_id = p_user AND p.status = 'PENDING';
	IF NOT FOUND THEN
		RETURN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply;
	END IF;

	v_claim := reservation.claim_for_card(p_user, v_payment.reservation_id, v_payment.amount,
	    payment.needed_ms(p_timeout_ms), payment.wanted_ms(p_timeout_ms));
	v_now := clock_timestamp();
	IF v_claim.outcome = 'OK' THEN
		UPDATE payment.cards c
		SET sent_at = v_now, leased_until = platform.card_lease(v_now, p_timeout_ms)
		WHERE c.payment_id = p_payment;
		RETURN ROW('BEGUN', NULL, NULL, false, NULL)::platform.reply;
	END IF;

	SELECT c.sent_at + make_interval(secs => 3 * p_timeout_ms / 1000.0) INTO STRICT v_certain_at
	FROM payment.cards c WHERE c.payment_id = p_payment;
	IF v_now < v_certain_at THEN
		UPDATE payment.cards c SET leased_until = NULL, due_at = least(v_certain_at, CASE WHEN c.nudged THEN c.heard_at END)
		WHERE c.payment_id = p_payment;
		RETURN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply;
	END IF;
	RETURN payment.fail_card(p_payment, v_claim.outcome, NULL, v_now + interval '1 minute');
END
$$;
GRANT EXECUTE ON FUNCTION payment.confirm_again(uuid, uuid, int) TO payment_service;
