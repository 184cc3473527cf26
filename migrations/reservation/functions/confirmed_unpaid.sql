-- reservation.confirmed_unpaid(): for reservation.invariants: reservations that a payment has confirmed, but whose
-- payment (payment.for_reservation) does not agree. It must be the same payment with the right amount: APPROVED for a
-- CONFIRMED reservation, REFUND_PENDING or REFUNDED for one that was cancelled since. A healthy system has none.
CREATE OR REPLACE FUNCTION reservation.confirmed_unpaid()
RETURNS TABLE (reservation_id uuid, payment json)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN QUERY
	SELECT c.reservation_id, c.payment FROM (
		SELECT r.reservation_id, r.status, r.payment_id, r.total_amount, payment.for_reservation(r.reservation_id) AS payment
		FROM reservation.reservations r WHERE r.status = 'CONFIRMED' OR r.payment_id IS NOT NULL) c
	WHERE (c.payment ->> 'status' = ANY (CASE c.status WHEN 'CONFIRMED' THEN ARRAY['APPROVED'] ELSE ARRAY['REFUND_PENDING', 'REFUNDED'] END)
	    AND (c.payment ->> 'paymentId')::uuid = c.payment_id
	    AND (c.payment ->> 'amount')::bigint = c.total_amount) IS NOT TRUE;
END
$$;
