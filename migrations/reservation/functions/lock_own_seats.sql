-- reservation.lock_own_seats(reservation): locks the seats that are still this
-- reservation's (same epoch, claim live), sorted by id; true if these are all it
-- ever had. The caller has the reservation's row locked.
--
-- If its time is over it never waits: who has one of these locked is just taking
-- it over, to wait for him would be for nothing, and could be in a circle: he may
-- wait for our user. While it lives it waits for whoever has one locked: he found
-- it free when he began to look and keeps the lock, though he may not have the
-- seat, until his transaction ends. A seat that is still its own is never
-- mistaken for one that is lost.
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
