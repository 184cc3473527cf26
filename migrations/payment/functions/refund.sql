-- payment.refund(reservation, request_id): for reservation.cancel, which has locked the reservation's row: gives back
-- the whole amount of its payment.
--   OK                  {amount, status}: REFUNDED for points, which are in the wallet at once; REFUND_PENDING for a
--                       card until the provider has confirmed the refund
--   PAYMENT_NOT_FOUND   there is no payment to give back
-- A repetition answers the same and gives back nothing more: the UPDATE names the state APPROVED, so only one call
-- changes it.
--
-- Locks the payment, then the wallet.
CREATE OR REPLACE FUNCTION payment.refund(p_reservation uuid, p_request_id text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_payment	payment.payments;
	v_step		platform.reply;
	v_refund	json;
BEGIN
	UPDATE payment.payments p
	SET status = CASE p.method WHEN 'POINT' THEN 'REFUNDED' ELSE 'REFUND_PENDING' END,
	    refunded_amount = CASE p.method WHEN 'POINT' THEN p.amount ELSE 0 END,
	    refunded_at = CASE p.method WHEN 'POINT' THEN clock_timestamp() END
	WHERE p.reservation_id = p_reservation AND (p.status <> 'FAILED') IS TRUE AND p.status = 'APPROVED'
	RETURNING p.* INTO v_payment;

	IF v_payment.status = 'REFUNDED' THEN
		v_step := point.restore(v_payment.user_id, v_payment.refunded_amount,
		    v_payment.payment_id, v_payment.payment_id);
		IF v_step.outcome <> 'OK' THEN
			RAISE EXCEPTION 'the points of payment % were not restored: %', v_payment.payment_id, v_step.outcome;
		END IF;
	END IF;

	IF v_payment.status = 'REFUND_PENDING' THEN
		UPDATE payment.cards c
		SET asked_at = clock_timestamp(), due_at = clock_timestamp(), leased_until = NULL, tries = 0
		WHERE c.payment_id = v_payment.payment_id;
	END IF;

	v_refund := payment.refund_of(p_reservation);
	IF v_refund IS NULL THEN
		RETURN platform.refuse('PAYMENT_NOT_FOUND', NULL, p_request_id);
	END IF;
	RETURN platform.ok(v_refund::text, p_request_id);
END
$$;
GRANT EXECUTE ON FUNCTION payment.refund(uuid, text) TO reservation_owner;
