-- reservation.confirmed_unpaid(): reservations that are CONFIRMED though the
-- payment schema knows of no APPROVED payment, of the right amount, by the name
-- that confirmed them. For reservation.invariants; none is how it should be.
CREATE OR REPLACE FUNCTION reservation.confirmed_unpaid()
RETURNS TABLE (reservation_id uuid, payment json)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN QUERY
	SELECT c.reservation_id, c.payment FROM (
		SELECT r.reservation_id, r.payment_id, r.total_amount, payment.for_reservation(r.reservation_id) AS payment
		FROM reservation.reservations r WHERE r.status = 'CONFIRMED') c
	WHERE (c.payment ->> 'status' = 'APPROVED' AND (c.payment ->> 'paymentId')::uuid = c.payment_id
	    AND (c.payment ->> 'amount')::bigint = c.total_amount) IS NOT TRUE;
END
$$;
