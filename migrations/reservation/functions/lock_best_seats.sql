-- reservation.lock_best_seats(schedule, grade, quantity, now): locks the best free seats and returns them, sorted by
-- id, with the sum of their prices. NULL if there are fewer than `quantity`. The caller has locked the user.
--
-- The best seats are together in the frontmost row that has room (reservation.best_row, reservation.best_in_row). If no
-- row has room for all, they are the best apart (reservation.best_apart).
--
-- Other transactions search at the same time. Each search claims a row for itself, by an advisory lock that it never
-- waits for, and leaves out rows that others have claimed. If others have claimed all rows with room, it searches these
-- rows too. At last it takes any free seats that are not locked. It never waits for a seat that another buyer takes. If
-- there are too few free seats, it waits for seats whose hold has run out and which another transaction has locked to
-- free them (reservation.pause_for_seat).
--
-- It locks only AVAILABLE seats: by the time '-infinity' no hold has run out. A seat may have looked AVAILABLE, and be held
-- when it is locked, by a hold that ran out before its transaction committed. The next round frees such a seat first.
--
-- Sorts and bitmap scans are off. Each query, here and in the functions that it calls, names the order of one index and
-- ends early. With these settings every plan walks that index, whatever the statistics say. With both on, PostgreSQL may
-- read the whole hall first.
CREATE OR REPLACE FUNCTION reservation.lock_best_seats(
	p_schedule	uuid,
	p_grade		text,
	p_quantity	int,
	p_now		timestamptz,
	OUT p_seats	uuid[],
	OUT p_total	bigint)
LANGUAGE plpgsql VOLATILE SET enable_sort = off SET enable_bitmapscan = off
AS $$
DECLARE
	v_lock		record;
	v_fronts	bigint[];
	v_front		bigint;
	v_row		bigint;
	v_own		boolean;	-- search only rows that no other transaction has claimed
	v_not_seats	uuid[];
	v_free		int;
	v_run_out	int;
	v_run_out_before int := 1;
BEGIN
	LOOP
		PERFORM reservation.free_seats(p_schedule, p_grade, p_now);

		v_not_seats := '{}';
		v_fronts := reservation.best_fronts(p_schedule, p_grade);
		v_front := v_fronts[least(p_quantity, 4) + 1];
		v_row := v_front;
		v_own := true;
		FOR v_try IN 1 .. 60 LOOP
			v_row := reservation.best_row(p_schedule, p_grade, p_quantity, v_row, v_not_seats);
			IF v_try = 1 THEN
				PERFORM reservation.note_front(p_schedule, p_grade, v_fronts, p_quantity, v_row);
			END IF;
			IF v_row IS NULL THEN
				EXIT WHEN v_try = 1 OR NOT v_own;
				v_own := false;
				v_row := v_front;
				CONTINUE;
			END IF;
			IF v_own AND NOT pg_try_advisory_xact_lock(hashtextextended('best ' || p_schedule || ' ' || v_row, 0)) THEN
				v_row := v_row + 1;
				CONTINUE;
			END IF;
			p_seats := reservation.best_in_row(p_schedule, p_grade, p_quantity, v_row, v_not_seats);
			CONTINUE WHEN p_seats IS NULL;
			SELECT * INTO v_lock FROM reservation.lock_seats(p_schedule, p_seats, NULL, '-infinity');
			IF v_lock.p_locked = p_quantity THEN
				p_total := v_lock.p_total;
				RETURN;
			END IF;
			v_not_seats := v_not_seats || p_seats[v_lock.p_locked + 1];
			IF NOT v_own AND v_try % 4 = 0 THEN
				v_row := v_row + 1;
			END IF;
		END LOOP;

		v_not_seats := '{}';
		FOR v_try IN 1 .. 10 LOOP
			p_seats := reservation.best_apart(p_schedule, p_grade, p_quantity, v_fronts[2], v_not_seats);
			EXIT WHEN p_seats IS NULL;
			SELECT * INTO v_lock FROM reservation.lock_seats(p_schedule, p_seats, NULL, '-infinity');
			IF v_lock.p_locked = p_quantity THEN
				p_total := v_lock.p_total;
				RETURN;
			END IF;
			v_not_seats := v_not_seats || p_seats[v_lock.p_locked + 1];
		END LOOP;

		SELECT array_agg(l.seat_id ORDER BY l.seat_id), sum(l.price) INTO p_seats, p_total FROM (
			SELECT s.seat_id, s.price FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			  AND (s.row_no, s.section_no) >= ((v_fronts[2] / 1000)::int, (v_fronts[2] % 1000)::int)
			ORDER BY s.row_no, s.section_no, s.number LIMIT p_quantity
			FOR UPDATE SKIP LOCKED) l;
		IF cardinality(p_seats) = p_quantity THEN
			RETURN;
		END IF;
		p_seats := NULL;

		SELECT count(*) INTO v_run_out FROM reservation.seats s
		WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'HOLD') IS TRUE AND s.hold_expires_at <= p_now;
		SELECT count(*) INTO v_free FROM (SELECT FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			  AND (s.row_no, s.section_no) >= ((v_fronts[2] / 1000)::int, (v_fronts[2] % 1000)::int)
			ORDER BY s.row_no, s.section_no, s.number LIMIT p_quantity) f;
		-- Gives up only after two searches, because a transaction that had locked seats may end between the search and the
		-- count.
		EXIT WHEN v_run_out + v_free < p_quantity OR v_run_out = 0 AND v_run_out_before = 0;
		v_run_out_before := v_run_out;
		IF v_run_out > 0 THEN
			PERFORM reservation.pause_for_seat(p_now);
		END IF;
	END LOOP;
END
$$;
