-- reservation.exceeds_limit(reservation, now): would confirming this hold, which has run out, give its user more seats
-- than allowed? The limit is that of the user's newest live reservation of the schedule. A hold that ran out does not
-- count, so the user may have taken other seats since. The caller has locked the user.
CREATE OR REPLACE FUNCTION reservation.exceeds_limit(p_reservation reservation.reservations, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	v_limit	int := (
		SELECT r.seat_limit FROM reservation.reservations r
		WHERE uuid_hash_extended(r.user_id, uuid_hash_extended(r.schedule_id, 0)) =
			uuid_hash_extended(p_reservation.user_id, uuid_hash_extended(p_reservation.schedule_id, 0))
		  AND (r.schedule_id = p_reservation.schedule_id AND r.user_id = p_reservation.user_id) IS TRUE
		  AND (r.status IN ('HOLD', 'CONFIRMED')) IS TRUE
		  AND (r.status = 'CONFIRMED' OR r.hold_expires_at > p_now OR r.reservation_id = p_reservation.reservation_id)
		ORDER BY r.reservation_id DESC LIMIT 1);
BEGIN
	RETURN coalesce(reservation.owned_seats(p_reservation.user_id, p_reservation.schedule_id, p_now)
	    + (SELECT count(*) FROM reservation.reservation_seats c WHERE c.reservation_id = p_reservation.reservation_id) > v_limit, false);
END
$$;
