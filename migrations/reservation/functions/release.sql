-- reservation.release(reservation, now): makes a reservation CANCELLED and its seats AVAILABLE. Returns the
-- reservation. The caller has locked the reservation and all its seats.
CREATE OR REPLACE FUNCTION reservation.release(p_reservation uuid, p_now timestamptz)
RETURNS reservation.reservations
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_released	reservation.reservations;
BEGIN
	UPDATE reservation.seats s
	SET status = 'AVAILABLE', reservation_id = NULL, hold_expires_at = NULL,
	    changes = s.changes + 1, changed_xid = pg_current_xact_id()
	FROM reservation.reservation_seats c
	WHERE c.reservation_id = p_reservation AND c.live
	  AND s.seat_id = c.seat_id AND s.reservation_id = c.reservation_id AND s.hold_epoch = c.hold_epoch;

	UPDATE reservation.reservation_seats c SET live = false
	WHERE c.reservation_id = p_reservation AND c.live;

	UPDATE reservation.reservations r SET status = 'CANCELLED', cancelled_at = p_now
	WHERE r.reservation_id = p_reservation RETURNING r.* INTO v_released;
	RETURN v_released;
END
$$;
