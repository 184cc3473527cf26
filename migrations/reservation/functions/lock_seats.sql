-- reservation.lock_seats(schedule, seats, run_out, now): locks these seats one after another in the given order. It
-- stops at the first seat that it cannot have: sold, held, or locked by another buyer. Returns the number of locked
-- seats and the sum of their prices. `run_out` are the seats whose hold had run out when the caller looked; it waits
-- only for these (reservation.lock_run_out_seat).
--
-- Callers give the seats sorted by id. All transactions go in the same order and stop at the first seat that they
-- cannot have. So of all transactions that want overlapping seats, at least one gets all its seats. If they skipped
-- such seats and went on, each could end with a part, and none with all.
CREATE OR REPLACE FUNCTION reservation.lock_seats(
	p_schedule	uuid,
	p_seats		uuid[],
	p_run_out	uuid[],
	p_now		timestamptz,
	OUT p_locked	int,
	OUT p_total	bigint)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_seat		uuid;
	v_price		bigint;
BEGIN
	p_locked := 0;
	p_total := 0;
	FOREACH v_seat IN ARRAY p_seats LOOP
		SELECT s.price INTO v_price
		FROM reservation.seats s
		WHERE s.seat_id = v_seat AND (s.schedule_id = p_schedule) IS TRUE
		  AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= p_now)
		FOR UPDATE SKIP LOCKED;
		IF NOT FOUND THEN
			EXIT WHEN (v_seat = ANY (p_run_out)) IS NOT TRUE OR NOT reservation.lock_run_out_seat(v_seat, p_now);
			SELECT s.price INTO v_price FROM reservation.seats s WHERE s.seat_id = v_seat;
		END IF;
		p_locked := p_locked + 1;
		p_total := p_total + v_price;
	END LOOP;
END
$$;

-- An earlier signature. Only hold_seats and lock_best_seats called it, and this transaction replaces both too.
DROP FUNCTION IF EXISTS reservation.lock_seats(uuid, uuid[], timestamptz);
