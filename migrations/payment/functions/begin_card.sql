-- payment.begin_card(user, reservation, amount, payment_key, idempotency_key, request_hash, timeout_ms, request_id):
-- the first half of a card payment (POST /payments). It writes the payment down as PENDING. Only after this has
-- committed may the service ask the provider to confirm. The provider's answer goes to payment.settle_card. amount is
-- in KRW; timeout_ms is the time limit of the call to the provider, in milliseconds. The order id at the provider is
-- the reservation's id.
--   BEGUN                    {paymentId, orderId}: PENDING is written down; ask the provider
--   ACCEPTED                 the Payment, PENDING: this key began it, its outcome is unknown, and a look-up is due soon
--   IDEMPOTENCY_KEY_IN_USE   the first request with this key may still be asking the provider
--   PAYMENT_IN_PROGRESS      another payment of the reservation is open, or a failed payment of it with this payment
--                            key is being looked up again
--   INVALID_REQUEST          the amount is below 1
--   other                    a refusal of platform.idempotency_begin or reservation.claim_for_card; no payment is
--                            written down
--
-- Locks the user, then the reservation, then its seats. reservation.claim_for_card makes sure that the hold lives
-- longer than the call.
CREATE OR REPLACE FUNCTION payment.begin_card(
	p_user			uuid,
	p_reservation		uuid,
	p_amount		bigint,
	p_payment_key		text,
	p_idempotency_key	text,
	p_request_hash		text,
	p_timeout_ms		int,
	p_request_id		text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reply		platform.reply;
	v_payment	payment.payments;
	v_open		boolean;
	v_now		timestamptz;
	v_lease		timestamptz;
BEGIN
	IF p_amount IS NULL OR p_amount < 1 THEN
		RETURN platform.refuse('INVALID_REQUEST',
		    '{"errors":[{"field":"amount","reason":"must be at least 1"}]}', p_request_id);
	END IF;

	v_reply := platform.idempotency_begin(p_user, 'payments.pay', p_idempotency_key, p_request_hash);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;
	v_reply := payment.resume_card(p_user, p_idempotency_key, p_request_hash, p_request_id);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;

	-- The user is locked, so no other payment can begin after this look. A refused request must not extend the hold.
	v_open := EXISTS (SELECT FROM payment.payments p WHERE p.reservation_id = p_reservation AND (p.status <> 'FAILED') IS TRUE)
	    OR EXISTS (SELECT FROM payment.cards c WHERE c.payment_key = p_payment_key AND c.due_at IS NOT NULL AND p_reservation =
		(SELECT p.reservation_id FROM payment.payments p WHERE p.payment_id = c.payment_id));
	v_reply := CASE WHEN v_open THEN reservation.claim_for_payment(p_user, p_reservation, p_amount)
	    ELSE reservation.claim_for_card(p_user, p_reservation, p_amount,
		payment.needed_ms(p_timeout_ms), payment.wanted_ms(p_timeout_ms)) END;
	IF v_reply.outcome <> 'OK' THEN
		RETURN platform.idempotency_end(p_user, 'payments.pay', p_idempotency_key, p_request_hash,
		    platform.refuse(v_reply.outcome, v_reply.body, p_request_id));
	END IF;
	IF v_open THEN
		RETURN platform.refuse('PAYMENT_IN_PROGRESS', NULL, p_request_id);
	END IF;

	v_now := clock_timestamp();
	v_lease := platform.card_lease(v_now, p_timeout_ms);
	v_payment.payment_id := platform.uuid_v7();
	v_payment.reservation_id := p_reservation;
	v_payment.user_id := p_user;
	v_payment.method := 'CARD';
	v_payment.amount := p_amount;
	v_payment.status := 'PENDING';
	v_payment.created_at := v_now;
	PERFORM payment.record(v_payment);
	INSERT INTO payment.cards (payment_id, payment_key, idempotency_key, request_hash, request_id,
	    asked_at, sent_at, due_at, leased_until)
	VALUES (v_payment.payment_id, p_payment_key, p_idempotency_key, p_request_hash, p_request_id,
	    v_now, v_now, v_lease, v_lease);
	RETURN platform.refuse('BEGUN', concat('{"paymentId":"', v_payment.payment_id, '","orderId":"', p_reservation, '"}'), p_request_id);
END
$$;
GRANT EXECUTE ON FUNCTION payment.begin_card(uuid, uuid, bigint, text, text, text, int, text) TO payment_service;
