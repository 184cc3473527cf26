-- reservation.reservation_json(reservation, now): the contract's Reservation,
-- with what the payment schema knows of its payment and refund.
CREATE OR REPLACE FUNCTION reservation.reservation_json(p_reservation reservation.reservations, p_now timestamptz)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	v_payment	json := payment.for_reservation(p_reservation.reservation_id);
BEGIN
	RETURN reservation.reservation_object(
	    p_reservation,
	    (SELECT d.concert_id FROM reservation.schedules d WHERE d.schedule_id = p_reservation.schedule_id),
	    reservation.seats_json(ARRAY(SELECT c.seat_id FROM reservation.reservation_seats c
		WHERE c.reservation_id = p_reservation.reservation_id)),
	    v_payment,
	    -- Also of money that came too late to confirm it.
	    CASE WHEN v_payment ->> 'status' IN ('REFUND_PENDING', 'REFUNDED') THEN payment.refund_of(p_reservation.reservation_id) END,
	    p_now);
END
$$;
