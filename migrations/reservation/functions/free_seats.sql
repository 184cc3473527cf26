-- reservation.free_seats(schedule, grade, now): makes seats of that grade AVAILABLE
-- again whose holds have run out, so that they are found in their order. At most 1,000 at a time;
-- what somebody else has locked is left alone: it never waits.
--
-- The holds themselves are not touched (their rows may be locked by who waits for
-- us); the sweeper marks them EXPIRED.
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

-- The one before it, which only lock_best_seats called: it is replaced in this very transaction.
DROP FUNCTION IF EXISTS reservation.free_seats(uuid, timestamptz);
