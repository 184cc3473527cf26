-- reservation.lock_own_seats(reservation): locks the seats that the reservation still has (same hold epoch, live
-- claim), in the order of their ids. True if it still has all its seats. The caller has locked the user and the
-- reservation's row.
--
-- If the reservation is over, it skips locked seats and never waits. A transaction that has locked such a seat is
-- taking it over, and may itself wait for our user, so a wait could be a deadlock.
-- While the reservation is live, it waits for locked seats. Another transaction may have locked a seat that looked free
-- when it began, cannot take it, and keeps the lock until it ends. So a seat that the reservation still has is never
-- mistaken for a lost one.
CREATE OR REPLACE FUNCTION reservation.lock_own_seats(p_reservation uuid)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_all		int := (SELECT count(*) FROM reservation.reservation_seats c WHERE c.reservation_id = p_reservation);
	v_locked	int;
BEGIN
	SELECT count(*) INTO v_locked FROM (
		SELECT FROM reservation.reservation_seats c
		JOIN reservation.seats s ON s.seat_id = c.seat_id AND s.reservation_id = c.reservation_id
		    AND s.hold_epoch = c.hold_epoch
		WHERE c.reservation_id = p_reservation AND c.live
		ORDER BY s.seat_id
		FOR UPDATE OF s SKIP LOCKED) l;

	IF v_locked < v_all AND EXISTS (SELECT FROM reservation.reservations r WHERE r.reservation_id = p_reservation
	    AND (r.status = 'CONFIRMED' OR r.status = 'HOLD' AND r.hold_expires_at > clock_timestamp())) THEN
		SELECT count(*) INTO v_locked FROM (
			SELECT FROM reservation.reservation_seats c
			JOIN reservation.seats s ON s.seat_id = c.seat_id AND s.reservation_id = c.reservation_id
			    AND s.hold_epoch = c.hold_epoch
			WHERE c.reservation_id = p_reservation AND c.live
			ORDER BY s.seat_id
			FOR UPDATE OF s) l;
	END IF;
	RETURN v_locked = v_all;
END
$$;
