-- reservation.owned_seats(user, schedule, now): how many seats of the schedule the user has: the seats of CONFIRMED
-- reservations and of HOLDs that have not run out. It does not depend on the sweeper.
--
-- The number is reliable only while the user is locked: each call that gives a user a seat locks the user first.
CREATE OR REPLACE FUNCTION reservation.owned_seats(p_user uuid, p_schedule uuid, p_now timestamptz)
RETURNS int
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		SELECT count(*) FROM reservation.reservations r
		JOIN reservation.reservation_seats c ON c.reservation_id = r.reservation_id AND c.live
		WHERE uuid_hash_extended(r.user_id, uuid_hash_extended(r.schedule_id, 0)) = uuid_hash_extended(p_user, uuid_hash_extended(p_schedule, 0))
		  AND (r.schedule_id = p_schedule AND r.user_id = p_user) IS TRUE AND (r.status IN ('HOLD', 'CONFIRMED')) IS TRUE
		  AND (r.status = 'CONFIRMED' OR r.hold_expires_at > p_now));
END
$$;
