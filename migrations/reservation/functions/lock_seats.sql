-- reservation.lock_seats(schedule, seats, run_out, now): locks those seats that
-- are to be had, one after the other in the order given, and stops at the first
-- that is not: sold, held, or locked by somebody who is about to. Returns how many
-- it has locked, and their price together. `run_out`: those of them whose hold had
-- run out when the caller looked; only for these it waits (lock_run_out_seat).
--
-- Callers give the seats sorted by id. Because everybody goes the same way and
-- stops, of all who want overlapping seats at once at least one gets all of
-- his; taking what can be had and skipping the rest could leave everybody with
-- a part and nobody with a ticket.
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

-- The one before it, which only hold_seats and lock_best_seats called: both are replaced in this very transaction.
DROP FUNCTION IF EXISTS reservation.lock_seats(uuid, uuid[], timestamptz);
