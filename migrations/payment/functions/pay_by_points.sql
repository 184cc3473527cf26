-- payment.pay_by_points(user, reservation, amount, idempotency_key, request_hash, max_attempts, request_id): pays for a
-- hold with points (POST /payments). The debit, the confirmation of the reservation and the payment are one
-- transaction. amount is in points, which equal KRW.
--   CREATED               the Payment, APPROVED; the reservation is CONFIRMED
--   INSUFFICIENT_POINTS   {paymentId, balance}: nothing moved, and a FAILED payment is written down. The reservation is
--                         cancelled by its max_attempts'th failed payment
--   PAYMENT_IN_PROGRESS   a card payment of the reservation is open
--   INVALID_REQUEST       the amount is below 1
--   other                 a refusal of reservation.claim_for_payment, reservation.confirm, platform.idempotency_begin
--                         or payment.resume_card; nothing moved and no payment is written down
--
-- Locks the user, the reservation, its seats, the wallet, in this order.
CREATE OR REPLACE FUNCTION payment.pay_by_points(
	p_user			uuid,
	p_reservation		uuid,
	p_amount		bigint,
	p_idempotency_key	text,
	p_request_hash		text,
	p_max_attempts		int,
	p_request_id		text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reply	platform.reply;
BEGIN
	IF p_amount IS NULL OR p_amount < 1 THEN
		RETURN platform.refuse('INVALID_REQUEST',
		    '{"errors":[{"field":"amount","reason":"must be at least 1"}]}', p_request_id);
	END IF;

	v_reply := platform.idempotency_begin(p_user, 'payments.pay', p_idempotency_key, p_request_hash);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;
	-- An open card payment has no stored answer yet, but its key is in use.
	v_reply := payment.resume_card(p_user, p_idempotency_key, p_request_hash, p_request_id);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;
	v_reply := payment.take_points(p_user, p_reservation, p_amount, p_max_attempts, p_request_id);
	RETURN platform.idempotency_end(p_user, 'payments.pay', p_idempotency_key, p_request_hash, v_reply);
END
$$;
GRANT EXECUTE ON FUNCTION payment.pay_by_points(uuid, uuid, bigint, text, text, int, text) TO payment_service;
