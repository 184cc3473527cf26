-- reservation.lock_run_out_seat(seat, now): tries again to lock a seat whose hold has run out and which another
-- transaction has locked. True: it is locked now. False: it is taken.
-- The other transaction may leave the seat AVAILABLE: the sweeper does, and a search for the best seats. So this waits
-- for it (reservation.pause_for_seat). If the seat is AVAILABLE and still locked, another buyer is taking it.
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
		-- If it is AVAILABLE for the first time, try once more: the lock may have ended between the two statements.
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
