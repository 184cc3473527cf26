-- reservation.make_seats(progress): makes more seats of a schedule that reservation.begin_schedule made in the same
-- transaction. MORE with the progress for the next call, or CREATED with the Schedule when all seats are made.
--
-- A call stops after an eighth of its statement_timeout, and after 0.5 s at most, but makes at least 1,000 seats. So a
-- larger hall or more load means more calls, not longer ones.
--
-- progress: the schedule's id and the number of seats made so far, in the order of section, row and number.
CREATE OR REPLACE FUNCTION reservation.make_seats(p_progress text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_limit		interval := nullif(current_setting('statement_timeout')::interval, interval '0') / 8;
	v_stop		timestamptz := v_now + least(v_limit, interval '500 milliseconds');
	v_schedule	reservation.schedules;
	v_total		bigint;
	v_made		bigint := split_part(p_progress, ' ', 2);
BEGIN
	SELECT * INTO STRICT v_schedule FROM reservation.schedules s WHERE s.schedule_id = split_part(p_progress, ' ', 1)::uuid;
	SELECT sum(c.rows::bigint * c.seats_per_row) INTO STRICT v_total
	FROM reservation.sections c WHERE c.schedule_id = v_schedule.schedule_id;

	WHILE v_made < v_total LOOP
		INSERT INTO reservation.seats (seat_id, schedule_id, section_no, row_no, number, section, row_label, grade, price)
		SELECT platform.uuid_v7(), s.schedule_id, s.section_no, r.row_no, n.number, s.section, r.label, s.grade, s.price
		-- The part of each section that is made now: its seats from first to last, counted from 0.
		FROM (SELECT c.*, greatest(v_made - c.sum + c.seats, 0) AS first, least(v_made + 1000 - c.sum + c.seats, c.seats) - 1 AS last
		      FROM (SELECT d.*, d.rows::bigint * d.seats_per_row AS seats,
				   sum(d.rows::bigint * d.seats_per_row) OVER (ORDER BY d.section_no)::bigint AS sum
			    FROM reservation.sections d WHERE d.schedule_id = v_schedule.schedule_id) c) s
		-- OFFSET 0: PostgreSQL makes the label once for a row, not for each of its seats.
		CROSS JOIN LATERAL (SELECT g.row_no::int, reservation.row_label(g.row_no::int) AS label
		      FROM generate_series(s.first / s.seats_per_row + 1, s.last / s.seats_per_row + 1) g (row_no) OFFSET 0) r
		CROSS JOIN LATERAL generate_series(greatest(s.first - (r.row_no - 1)::bigint * s.seats_per_row, 0) + 1,
		      least(s.last - (r.row_no - 1)::bigint * s.seats_per_row + 1, s.seats_per_row)) n (number)
		WHERE s.first <= s.last
		ORDER BY s.section_no, r.row_no, n.number;
		v_made := least(v_made + 1000, v_total);
		IF v_made < v_total AND clock_timestamp() >= v_stop THEN
			RETURN ROW('MORE', v_schedule.schedule_id || ' ' || v_made, NULL, false, NULL)::platform.reply;
		END IF;
	END LOOP;

	RETURN platform.created(reservation.schedule_json(v_schedule, v_now,
	    reservation.remaining_of_new(v_schedule.schedule_id))::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.make_seats(text) TO reservation_service;
