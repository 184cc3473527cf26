-- payment.pay_by_points(user, reservation, amount, idempotency_key, request_hash,
-- max_attempts, request_id): pays for a hold with points. The debit, the
-- reservation's confirmation and the payment are one transaction: all or none.
--   CREATED                the Payment, APPROVED
--   INSUFFICIENT_POINTS    {paymentId, balance}: nothing moved, a FAILED payment is
--                          on record; the max_attempts'th cancels the reservation
--   PAYMENT_IN_PROGRESS    a card payment of it is open
--   INVALID_REQUEST        the amount is below 1
-- and what reservation.claim_for_payment, reservation.confirm,
-- platform.idempotency_begin and payment.resume_card refuse: nothing moved, nothing
-- on record.
--
-- Locks the user, the reservation, the wallet.
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
	-- A card payment that is open has no answer yet, but it has the key.
	v_reply := payment.resume_card(p_user, p_idempotency_key, p_request_hash, p_request_id);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;
	v_reply := payment.take_points(p_user, p_reservation, p_amount, p_max_attempts, p_request_id);
	RETURN platform.idempotency_end(p_user, 'payments.pay', p_idempotency_key, p_request_hash, v_reply);
END
$$;
GRANT EXECUTE ON FUNCTION payment.pay_by_points(uuid, uuid, bigint, text, text, int, text) TO payment_service;
