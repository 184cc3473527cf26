-- reservation.reservation_json(reservation, now): a reservation as the contract's Reservation, with its seats from front
-- to back, its payment and its refund. A HOLD that has run out is shown EXPIRED, swept or not. holdSecondsLeft is
-- rounded down, so the hold has at least that many seconds left.
CREATE OR REPLACE FUNCTION reservation.reservation_json(p_reservation reservation.reservations, p_now timestamptz)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	v_payment	json := payment.for_reservation(p_reservation.reservation_id);
	v_run_out	boolean := p_reservation.status = 'HOLD' AND p_reservation.hold_expires_at <= p_now;
BEGIN
	RETURN reservation.reservation_object(
	    p_reservation.reservation_id,
	    CASE WHEN v_run_out THEN 'EXPIRED' ELSE p_reservation.status END,
	    p_reservation.schedule_id,
	    (SELECT d.concert_id FROM reservation.schedules d WHERE d.schedule_id = p_reservation.schedule_id),
	    (SELECT coalesce(string_agg(reservation.seat_json(s.seat_id, s.section, s.row_label, s.number, s.grade, s.price), ', '
		 ORDER BY s.section_no, s.row_no, s.number), '')
	     FROM reservation.seats s
	     WHERE s.seat_id = ANY (ARRAY(SELECT c.seat_id FROM reservation.reservation_seats c
		 WHERE c.reservation_id = p_reservation.reservation_id))),
	    p_reservation.total_amount,
	    platform.rfc3339(p_reservation.hold_expires_at),
	    p_reservation.hold_ttl_seconds,
	    CASE WHEN p_reservation.status = 'HOLD' AND NOT v_run_out
		 THEN floor(extract(epoch FROM p_reservation.hold_expires_at - p_now))::int END,
	    v_payment,
	    -- Also for money that came too late to confirm the reservation.
	    CASE WHEN v_payment ->> 'status' IN ('REFUND_PENDING', 'REFUNDED') THEN payment.refund_of(p_reservation.reservation_id) END,
	    platform.rfc3339(p_reservation.created_at))::json;
END
$$;
