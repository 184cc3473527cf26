-- reservation.pause_ends_at(user, schedule, unpaid_holds_max, now): until when the user gets no hold of the schedule,
-- because unpaid_holds_max of the user's holds of it, or more, have ended unpaid: ten minutes after the last of them
-- ended. NULL if there is no pause now, or if unpaid_holds_max is 0.
--
-- A hold ends unpaid when it runs out (by the database's clock, swept or not), or when it is cancelled before it is
-- paid, by the user or after failed payments. The count never starts again: after a pause the user may hold, and the
-- next unpaid hold begins another pause. So a user cannot evade the pause: not by waiting for the sweeper, not by
-- buying a ticket in between, not by letting several holds end at once. If operators can cancel holds one day, those
-- must not count here.
--
-- It reads only the holds that ended in the last ten minutes and those that it counts, however many holds the user has.
-- Bitmap scans are off, because PostgreSQL builds a bitmap of all matching rows before it reads the first row.
CREATE OR REPLACE FUNCTION reservation.pause_ends_at(p_user uuid, p_schedule uuid, p_unpaid_holds_max int, p_now timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE SET enable_bitmapscan = off
AS $$
DECLARE
	v_key		bigint := uuid_hash_extended(p_user, uuid_hash_extended(p_schedule, 0));
	v_last		timestamptz;
	v_unswept	int;
	v_last_unswept	timestamptz;
BEGIN
	SELECT count(*), max(r.hold_expires_at) INTO v_unswept, v_last_unswept FROM reservation.reservations r
	WHERE uuid_hash_extended(r.user_id, uuid_hash_extended(r.schedule_id, 0)) = v_key
	  AND (r.schedule_id = p_schedule AND r.user_id = p_user) IS TRUE AND (r.status IN ('HOLD', 'CONFIRMED')) IS TRUE
	  AND r.status = 'HOLD' AND r.hold_expires_at <= p_now;

	SELECT max(coalesce(r.cancelled_at, r.hold_expires_at)) INTO v_last FROM reservation.reservations r
	WHERE uuid_hash_extended(r.user_id, uuid_hash_extended(r.schedule_id, 0)) = v_key
	  AND (r.schedule_id = p_schedule AND r.user_id = p_user) IS TRUE
	  AND (r.status = 'EXPIRED' OR r.status = 'CANCELLED' AND r.payment_id IS NULL) IS TRUE
	  AND coalesce(r.cancelled_at, r.hold_expires_at) > p_now - interval '10 minutes';

	v_last := greatest(v_last, v_last_unswept) + interval '10 minutes';
	IF p_unpaid_holds_max = 0 OR (v_last > p_now) IS NOT TRUE THEN
		RETURN NULL;
	END IF;
	RETURN (
		SELECT CASE WHEN count(*) + v_unswept >= p_unpaid_holds_max THEN v_last END
		FROM (SELECT FROM reservation.reservations r
		    WHERE uuid_hash_extended(r.user_id, uuid_hash_extended(r.schedule_id, 0)) = v_key
		      AND (r.schedule_id = p_schedule AND r.user_id = p_user) IS TRUE
		      AND (r.status = 'EXPIRED' OR r.status = 'CANCELLED' AND r.payment_id IS NULL) IS TRUE
		    LIMIT p_unpaid_holds_max) e);
END
$$;
