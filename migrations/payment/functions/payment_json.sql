-- payment.payment_json(payment, reservation_status): the payment as the contract's Payment.
--
-- No SET clause and not SECURITY DEFINER, so that PostgreSQL can inline it. No value needs escaping: failure_code is an
-- error code of the contract.
CREATE OR REPLACE FUNCTION payment.payment_json(p_payment payment.payments, p_reservation_status text) RETURNS json
LANGUAGE sql STABLE
AS $$
	SELECT ('{"paymentId":"' || (p_payment).payment_id
	    || '","reservationId":"' || (p_payment).reservation_id
	    || '","status":"' || (p_payment).status
	    || '","method":"' || (p_payment).method
	    || '","amount":' || (p_payment).amount
	    || ',"failureCode":' || coalesce('"' || (p_payment).failure_code || '"', 'null')
	    || ',"approvedAt":' || coalesce('"' || platform.rfc3339((p_payment).approved_at) || '"', 'null')
	    || ',"refundedAt":' || coalesce('"' || platform.rfc3339((p_payment).refunded_at) || '"', 'null')
	    || ',"reservationStatus":' || coalesce('"' || p_reservation_status || '"', 'null')
	    || ',"createdAt":"' || platform.rfc3339((p_payment).created_at) || '"}')::json
$$;

-- payment.payment_json(payment): the same; it asks reservation.status_of for the reservationStatus.
CREATE OR REPLACE FUNCTION payment.payment_json(p_payment payment.payments) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = ''
AS $$
DECLARE
	v_status	text := reservation.status_of(p_payment.reservation_id);
BEGIN
	RETURN payment.payment_json(p_payment, v_status);
END
$$;
