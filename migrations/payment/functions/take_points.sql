-- payment.take_points(user, reservation, amount, max_attempts, request_id): the work of payment.pay_by_points after its
-- check of the idempotency key; the same outcomes. The caller has locked the user.
--
-- Every refusal comes before anything moves. First the wallet is locked and found sufficient, then the reservation is
-- confirmed, and the debit comes last and can no longer be refused. So nothing ever needs to be undone, and no
-- subtransaction is needed.
--
-- Locks the reservation, its seats, the wallet, in this order.
CREATE OR REPLACE FUNCTION payment.take_points(
	p_user		uuid,
	p_reservation	uuid,
	p_amount	bigint,
	p_max_attempts	int,
	p_request_id	text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_step		platform.reply;
	v_payment	payment.payments;
BEGIN
	v_step := reservation.claim_for_payment(p_user, p_reservation, p_amount);
	IF v_step.outcome <> 'OK' THEN
		RETURN platform.refuse(v_step.outcome, v_step.body, p_request_id);
	END IF;
	-- The claim has locked the reservation's row, so no other payment of it can begin after this look.
	IF EXISTS (SELECT FROM payment.payments p WHERE p.reservation_id = p_reservation AND (p.status <> 'FAILED') IS TRUE) THEN
		RETURN platform.refuse('PAYMENT_IN_PROGRESS', NULL, p_request_id);
	END IF;

	v_payment.payment_id := platform.uuid_v7();
	v_payment.reservation_id := p_reservation;
	v_payment.user_id := p_user;
	v_payment.method := 'POINT';
	v_payment.amount := p_amount;
	v_payment.created_at := clock_timestamp();

	v_step := point.reserve(p_user, p_amount);
	IF v_step.outcome <> 'OK' THEN
		v_payment.status := 'FAILED';
		v_payment.failure_code := v_step.outcome;
		PERFORM payment.record(v_payment);
		PERFORM reservation.payment_failed(p_reservation, p_max_attempts);
		RETURN platform.refuse(v_step.outcome, (
			SELECT row_to_json(r)::text FROM (
				SELECT v_payment.payment_id AS "paymentId", v_step.body::json -> 'balance' AS "balance") r),
		    p_request_id);
	END IF;

	v_step := reservation.confirm(p_reservation, v_payment.payment_id);
	IF v_step.outcome <> 'OK' THEN
		RETURN platform.refuse(v_step.outcome, v_step.body, p_request_id);
	END IF;
	v_step := point.debit(p_user, p_amount, v_payment.payment_id, v_payment.payment_id);
	IF v_step.outcome <> 'OK' THEN
		-- Impossible while the wallet is locked. Raise, so that nothing of this commits.
		RAISE EXCEPTION 'the debit of payment % was refused: %', v_payment.payment_id, v_step.outcome;
	END IF;
	v_payment.status := 'APPROVED';
	v_payment.approved_at := v_payment.created_at;
	PERFORM payment.record(v_payment);
	RETURN platform.created(payment.payment_json(v_payment)::text, p_request_id);
END
$$;
