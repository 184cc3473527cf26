-- reservation.best_seats(schedule, grade, quantity, not seats, not rows): the best
-- seats of that grade that are AVAILABLE now, sorted by id; NULL if there are too
-- few. Only looks, locks nothing. Not: seats and rows (row_no * 1000 +
-- section_no) to leave out.
--
-- Together in one row if any row has room for it: the frontmost such row, there
-- leaving no single seat if that can be helped, then nearest to the middle. Else
-- over the fewest rows, in one row the nearest to each other, the frontmost first.
CREATE OR REPLACE FUNCTION reservation.best_seats(
	p_schedule	uuid,
	p_grade		text,
	p_quantity	int,
	p_not_seats	uuid[],
	p_not_rows	int[])
RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	v_section_no	int;
	v_row_no	int;
	v_seats		uuid[];
BEGIN
	-- Walks seats_available in its own order and stops at the first row that will do.
	SELECT w.section_no, w.row_no INTO v_section_no, v_row_no FROM (
		SELECT s.section_no, s.row_no, s.number,
		       lead(s.number, p_quantity - 1) OVER (PARTITION BY s.row_no, s.section_no ORDER BY s.number) AS last_number
		FROM reservation.seats s
		WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
		  AND s.seat_id <> ALL (p_not_seats) AND s.row_no * 1000 + s.section_no <> ALL (p_not_rows)) w
	WHERE w.last_number = w.number + p_quantity - 1
	LIMIT 1;

	IF FOUND THEN
		WITH free AS (
			SELECT s.seat_id, s.number, s.number - row_number() OVER (ORDER BY s.number) AS run
			FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			  AND s.section_no = v_section_no AND s.row_no = v_row_no AND s.seat_id <> ALL (p_not_seats)),
		runs AS (
			SELECT f.run, min(f.number) AS first, max(f.number) AS last FROM free f GROUP BY f.run),
		best AS (
			SELECT n AS first FROM runs r
			CROSS JOIN LATERAL generate_series(r.first, r.last - p_quantity + 1) n
			JOIN reservation.sections c ON c.schedule_id = p_schedule AND c.section_no = v_section_no
			ORDER BY (n - r.first = 1)::int + (r.last - (n + p_quantity - 1) = 1)::int,
			    abs(2 * n + p_quantity - 1 - (c.seats_per_row + 1)), n
			LIMIT 1)
		SELECT array_agg(f.seat_id ORDER BY f.seat_id) INTO v_seats
		FROM free f, best b WHERE f.number BETWEEN b.first AND b.first + p_quantity - 1;
		RETURN v_seats;
	END IF;

	WITH free AS (
		SELECT s.seat_id, s.row_no, s.section_no, row_number() OVER w AS n,
		       lead(s.row_no, p_quantity - 1) OVER w - s.row_no AS rows_over,
		       abs(lead(s.section_no, p_quantity - 1) OVER w - s.section_no) AS sections_over,
		       lead(s.number, p_quantity - 1) OVER w - s.number AS spread
		FROM reservation.seats s
		WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
		  AND s.seat_id <> ALL (p_not_seats) AND s.row_no * 1000 + s.section_no <> ALL (p_not_rows)
		WINDOW w AS (ORDER BY s.row_no, s.section_no, s.number)),
	best AS (
		SELECT f.n FROM free f WHERE f.rows_over IS NOT NULL
		ORDER BY f.rows_over, f.sections_over,
		    CASE WHEN f.rows_over = 0 AND f.sections_over = 0 THEN f.spread ELSE 0 END, f.n LIMIT 1)
	SELECT array_agg(f.seat_id ORDER BY f.seat_id) INTO v_seats
	FROM free f, best b WHERE f.n BETWEEN b.n AND b.n + p_quantity - 1;
	RETURN v_seats;
END
$$;
