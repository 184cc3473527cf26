-- reservation.lock_run_out_seat(seat, now): for a seat whose hold had run out and
-- which could not be locked: true if it is to be had after all, and it is locked;
-- false if it is not. Whoever has it locked may leave it AVAILABLE: the sweeper, or
-- who frees it for the best seats. So this waits for him (pause_for_seat). Once it
-- is AVAILABLE and locked, it is being taken.
CREATE OR REPLACE FUNCTION reservation.lock_run_out_seat(p_seat uuid, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_status	text;
	v_before	text;
BEGIN
	LOOP
		SELECT s.status INTO v_status FROM reservation.seats s
		WHERE s.seat_id = p_seat AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= p_now);
		-- AVAILABLE only now: whoever had it locked may have been done between the two looks.
		IF NOT FOUND OR v_status = 'AVAILABLE' AND v_before = 'AVAILABLE' THEN
			RETURN false;
		END IF;
		IF v_status = 'HOLD' THEN
			PERFORM reservation.pause_for_seat(p_now);
		END IF;
		v_before := v_status;

		PERFORM FROM reservation.seats s
		WHERE s.seat_id = p_seat AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= p_now)
		FOR UPDATE SKIP LOCKED;
		IF FOUND THEN
			RETURN true;
		END IF;
	END LOOP;
END
$$;
