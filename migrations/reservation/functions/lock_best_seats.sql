-- reservation.lock_best_seats(schedule, grade, quantity, now): locks the best seats
-- that can be had and returns them sorted by id, with their price together;
-- NULL if there are fewer than asked for.
--
-- Others look for the best seats at the same time and see the same. Whoever
-- finds a seat locked looks again without it, from the fourth time on without
-- its row, and in the end takes any. It never waits for a seat that is being taken;
-- but seats whose holds have run out, and which somebody has locked to tidy them,
-- count: if it needs them it waits for them (pause_for_seat).
CREATE OR REPLACE FUNCTION reservation.lock_best_seats(
	p_schedule	uuid,
	p_grade		text,
	p_quantity	int,
	p_now		timestamptz,
	OUT p_seats	uuid[],
	OUT p_total	bigint)
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_lock		record;
	v_not_seats	uuid[];
	v_not_rows	int[];
	v_free		int;
	v_run_out	int;
	v_run_out_before int := 1;
BEGIN
	LOOP
		PERFORM reservation.free_seats(p_schedule, p_grade, p_now);

		v_not_seats := '{}';
		v_not_rows := '{}';
		FOR v_try IN 1 .. 30 LOOP
			p_seats := reservation.best_seats(p_schedule, p_grade, p_quantity, v_not_seats, v_not_rows);
			EXIT WHEN p_seats IS NULL;
			SELECT * INTO v_lock FROM reservation.lock_seats(p_schedule, p_seats, NULL, p_now);
			IF v_lock.p_locked = p_quantity THEN
				p_total := v_lock.p_total;
				RETURN;
			END IF;
			v_not_seats := v_not_seats || p_seats[v_lock.p_locked + 1];
			IF v_try > 3 THEN
				v_not_rows := v_not_rows || (SELECT s.row_no * 1000 + s.section_no FROM reservation.seats s
				    WHERE s.seat_id = p_seats[v_lock.p_locked + 1]);
			END IF;
		END LOOP;

		SELECT array_agg(l.seat_id ORDER BY l.seat_id), sum(l.price) INTO p_seats, p_total FROM (
			SELECT s.seat_id, s.price FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			ORDER BY s.row_no, s.section_no, s.number LIMIT p_quantity
			FOR UPDATE SKIP LOCKED) l;
		IF cardinality(p_seats) = p_quantity THEN
			RETURN;
		END IF;
		p_seats := NULL;

		SELECT count(*) INTO v_run_out FROM reservation.seats s
		WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'HOLD') IS TRUE AND s.hold_expires_at <= p_now;
		SELECT count(*) INTO v_free FROM reservation.seats s
		WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE;
		-- None only now: whoever had them locked may have been done between the two looks.
		EXIT WHEN v_run_out + v_free < p_quantity OR v_run_out = 0 AND v_run_out_before = 0;
		v_run_out_before := v_run_out;
		IF v_run_out > 0 THEN
			PERFORM reservation.pause_for_seat(p_now);
		END IF;
	END LOOP;
END
$$;
