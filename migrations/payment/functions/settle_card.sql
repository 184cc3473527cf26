-- payment.settle_card(user, payment, result, provider_code, max_attempts): writes
-- down what the provider said: the one way for a card payment to go on. `result` is
--   CAPTURED    the money is ours
--   CANCELLED   all of it has been given back, or was never taken and never will be
--   DECLINED    it was not taken and never will be; provider_code says why
--   UNWANTED    some of it is there, or may yet come, but not all of it as it should be:
--               the caller has tried to cancel that
--   ABSENT      the provider knows of none; what is still on its way may change that
--   UNKNOWN     no answer, or none that can be relied on
-- What becomes of it:
--   PENDING         CAPTURED: CREATED with the Payment, APPROVED, if the seats are
--                   still the reservation's. Else it is REFUND_PENDING, and the answer
--                   is what reservation.confirm refuses, {paymentId}.
--                   DECLINED, CANCELLED: CARD_DECLINED {providerCode, paymentId}, FAILED;
--                   the max_attempts'th cancels the reservation. If the provider
--                   says DECLINED because the key or the order has been used, which
--                   might have been by us, it is watched, as in payment.confirm_again.
--                   The others: ACCEPTED with the Payment, and it is due again.
--   REFUND_PENDING  CANCELLED: REFUNDED, OK with the Payment. Else it is due again.
--   APPROVED        see payment.check_card: CANCELLED: REFUNDED, OK with the Payment
--   FAILED          CANCELLED, DECLINED: nothing more to do. Else it is due again,
--                   for as long as the provider might capture it.
-- CAPTURED or UNWANTED, of what was to be given back: the next cancel has a new key.
-- NO_CONTENT where there is nothing to say; for a payment that is settled already,
-- the answer kept under its key.
--
-- Locks the user, the reservation with its seats.
CREATE OR REPLACE FUNCTION payment.settle_card(
	p_user		uuid,
	p_payment	uuid,
	p_result	text,
	p_provider_code	text,
	p_max_attempts	int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_payment	payment.payments;
	v_card		payment.cards;
	v_reply		platform.reply;
BEGIN
	PERFORM platform.lock_user(p_user);
	SELECT p.* INTO v_payment FROM payment.payments p
	WHERE p.payment_id = p_payment AND p.user_id = p_user AND p.method = 'CARD';
	SELECT c.* INTO v_card FROM payment.cards c WHERE c.payment_id = p_payment;

	IF v_payment.status = 'PENDING' AND p_result = 'CAPTURED' THEN
		RETURN payment.capture_card(v_payment, v_card);
	ELSIF v_payment.status = 'PENDING' AND p_result IN ('DECLINED', 'CANCELLED') THEN
		v_reply := payment.fail_card(p_payment, 'CARD_DECLINED', coalesce(p_provider_code, p_result),
		    CASE WHEN p_provider_code IN ('ALREADY_PROCESSED_PAYMENT', 'DUPLICATED_ORDER_ID')
		    THEN clock_timestamp() + interval '1 minute' END);
		PERFORM reservation.payment_failed(v_payment.reservation_id, p_max_attempts);
		RETURN v_reply;
	ELSIF v_payment.status = 'PENDING' THEN
		PERFORM payment.put_off_card(p_payment, p_result = 'UNWANTED');
		RETURN ROW('ACCEPTED', payment.payment_json(v_payment)::text, NULL, false, v_card.request_id)::platform.reply;

	ELSIF v_payment.status = 'REFUND_PENDING' AND p_result = 'CANCELLED' THEN
		UPDATE payment.payments p
		SET status = 'REFUNDED', refunded_amount = p.amount, refunded_at = clock_timestamp()
		WHERE p.payment_id = p_payment AND p.status = 'REFUND_PENDING' AND p.refunded_amount = 0
		RETURNING p.* INTO STRICT v_payment;
		UPDATE payment.cards c SET due_at = NULL, leased_until = NULL, nudged = false, provider_code = NULL WHERE c.payment_id = p_payment;
		RETURN platform.ok(payment.payment_json(v_payment)::text);

	ELSIF v_payment.status = 'APPROVED' THEN
		v_reply := payment.check_card(v_payment, v_card, p_result);
		IF v_reply.outcome IS NOT NULL THEN
			RETURN v_reply;
		END IF;

	ELSIF v_payment.status = 'FAILED' AND (p_result IN ('CANCELLED', 'DECLINED')
	    OR p_result = 'ABSENT' AND v_payment.created_at < clock_timestamp() - interval '31 minutes') THEN
		-- The provider forgets what nobody has confirmed within 30 minutes.
		UPDATE payment.cards c
		SET leased_until = NULL, due_at = CASE WHEN c.nudged AND p_result = 'ABSENT' THEN c.heard_at END
		WHERE c.payment_id = p_payment;

	ELSIF v_payment.status IN ('REFUND_PENDING', 'FAILED') AND v_card.due_at IS NOT NULL THEN
		PERFORM payment.put_off_card(p_payment, p_result IN ('CAPTURED', 'UNWANTED'));
	END IF;

	v_reply := platform.idempotency_begin(p_user, 'payments.pay', v_card.idempotency_key, v_card.request_hash);
	RETURN CASE WHEN v_reply.outcome IS NULL THEN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply ELSE v_reply END;
END
$$;
GRANT EXECUTE ON FUNCTION payment.settle_card(uuid, uuid, text, text, int) TO payment_service;
