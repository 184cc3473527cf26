-- payment.payment_json(payment): a payment as the contract's Payment;
-- reservationStatus is asked of the reservation's owner.
CREATE OR REPLACE FUNCTION payment.payment_json(p_payment payment.payments) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = ''
AS $$
DECLARE
	v_json	json;
BEGIN
	SELECT row_to_json(r) INTO STRICT v_json FROM (
		SELECT p_payment.payment_id AS "paymentId",
		       p_payment.reservation_id AS "reservationId",
		       p_payment.status AS "status",
		       p_payment.method AS "method",
		       p_payment.amount AS "amount",
		       p_payment.failure_code AS "failureCode",
		       platform.rfc3339(p_payment.approved_at) AS "approvedAt",
		       platform.rfc3339(p_payment.refunded_at) AS "refundedAt",
		       reservation.status_of(p_payment.reservation_id) AS "reservationStatus",
		       platform.rfc3339(p_payment.created_at) AS "createdAt") r;
	RETURN v_json;
END
$$;
