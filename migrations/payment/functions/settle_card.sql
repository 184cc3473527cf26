-- payment.settle_card(user, payment, result, provider_code, max_attempts): applies the provider's answer to a card
-- payment. Every change of a card payment after payment.begin_card goes through here. `result` is
--   CAPTURED    the provider has the whole amount for us
--   CANCELLED   all of the money was given back, or was never taken and never will be
--   DECLINED    the money was not taken and never will be; provider_code has the reason
--   UNWANTED    the provider has a part of the money, or may still get some, but not the whole amount as expected; the
--               caller has tried to cancel it
--   ABSENT      the provider knows no such payment; a confirm on its way may change that
--   UNKNOWN     no answer, or none that can be relied on
-- By the payment's status:
--   PENDING          CAPTURED: payment.capture_card. DECLINED, CANCELLED: CARD_DECLINED {providerCode, paymentId},
--                    FAILED; the reservation is cancelled by its max_attempts'th failure. If the provider declined
--                    because the key or the order was used before, a look-up follows (platform.card_may_be_ours). Other
--                    results: ACCEPTED with the Payment, and a look-up is due again
--   REFUND_PENDING   CANCELLED: REFUNDED, OK with the Payment. Other results: a look-up is due again
--   APPROVED         payment.check_card
--   FAILED           CANCELLED, DECLINED: finished. ABSENT: finished after platform.card_forgotten_after. Other
--                    results: a look-up is due again
-- If CAPTURED or UNWANTED shows money that was to be given back, the next cancel has a new idempotency key
-- (payment.put_off_card). In all other cases the answer is the one that is stored under the payment's key, or
-- NO_CONTENT.
--
-- Locks the user, then the reservation, then its seats.
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
		    CASE WHEN platform.card_may_be_ours(p_provider_code)
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
	    OR p_result = 'ABSENT' AND v_payment.created_at < clock_timestamp() - platform.card_forgotten_after()) THEN
		-- The provider has forgotten a payment that was never confirmed.
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
