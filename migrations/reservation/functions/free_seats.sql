-- reservation.free_seats(schedule, grade, now): makes seats of that grade AVAILABLE whose holds have run out, so that a
-- search for the best seats finds them in their order. At most 1,000 in one call. It skips locked seats and never
-- waits.
--
-- It does not touch the holds themselves: another transaction may have locked their rows and wait for this one. The
-- sweeper marks them EXPIRED.
CREATE OR REPLACE FUNCTION reservation.free_seats(p_schedule uuid, p_grade text, p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_seats	uuid[];
BEGIN
	v_seats := ARRAY(
		SELECT s.seat_id FROM reservation.seats s
		WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'HOLD') IS TRUE AND s.hold_expires_at <= p_now
		ORDER BY s.hold_expires_at LIMIT 1000
		FOR UPDATE SKIP LOCKED);
	IF v_seats = '{}' THEN
		RETURN;
	END IF;

	UPDATE reservation.reservation_seats c SET live = false
	WHERE c.schedule_id = p_schedule AND c.seat_id = ANY (v_seats) AND c.live IS TRUE;

	UPDATE reservation.seats s
	SET status = 'AVAILABLE', reservation_id = NULL, hold_expires_at = NULL,
	    changes = s.changes + 1, changed_xid = pg_current_xact_id()
	WHERE s.seat_id = ANY (v_seats);
END
$$;

-- An earlier signature. Only lock_best_seats called it, and this transaction replaces that function too.
DROP FUNCTION IF EXISTS reservation.free_seats(uuid, timestamptz);
