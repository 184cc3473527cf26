-- reservation.confirmed_unpaid(): reservations that a payment has confirmed though
-- the payment schema does not know it so: by that name, of the right amount, and
-- APPROVED if the reservation is CONFIRMED; refunded, or about to be, if it was
-- CANCELLED since. For reservation.invariants; none is how it should be.
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
