-- payment.record(payment): inserts a new payment without a refund. The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.record(p_payment payment.payments) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	INSERT INTO payment.payments
		(payment_id, reservation_id, user_id, method, amount, status, failure_code, approved_at, created_at)
	VALUES (p_payment.payment_id, p_payment.reservation_id, p_payment.user_id, p_payment.method, p_payment.amount,
		p_payment.status, p_payment.failure_code, p_payment.approved_at, p_payment.created_at);
END
$$;
