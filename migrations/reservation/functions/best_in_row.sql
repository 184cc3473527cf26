-- reservation.best_in_row(schedule, grade, quantity, row, not seats): the best seats together in that row (a number as
-- in reservation.best_row), sorted by id; NULL if there are none. The best seats leave the fewest single free seats
-- beside them; then the nearest to the middle win. `not seats` are left out. Locks nothing.
--
-- It first reads the 40 free seats on each side of the middle that are nearest to it, so a row of any width costs the
-- same. Only if seats farther out could be better does it read the whole row.
CREATE OR REPLACE FUNCTION reservation.best_in_row(p_schedule uuid, p_grade text, p_quantity int, p_row bigint, p_not_seats uuid[])
RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	v_row_no	int := p_row / 1000;
	v_section_no	int := p_row % 1000;
	v_middle	int;	-- twice the middle, so that it is a whole number
	v_best		record;
BEGIN
	SELECT c.seats_per_row + 1 INTO v_middle FROM reservation.sections c
	WHERE c.schedule_id = p_schedule AND c.section_no = v_section_no;

	FOR v_try IN 1 .. 2 LOOP
		WITH lower AS MATERIALIZED (
			SELECT s.seat_id, s.number FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			  AND (s.row_no, s.section_no, s.number) >= (v_row_no, v_section_no, 0)
			  AND (s.row_no, s.section_no, s.number) <= (v_row_no, v_section_no, v_middle / 2) AND s.seat_id <> ALL (p_not_seats)
			ORDER BY s.row_no DESC, s.section_no DESC, s.number DESC LIMIT CASE v_try WHEN 1 THEN 40 END),
		higher AS MATERIALIZED (
			SELECT s.seat_id, s.number FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			  AND (s.row_no, s.section_no, s.number) > (v_row_no, v_section_no, v_middle / 2)
			  AND (s.row_no, s.section_no, s.number) <= (v_row_no, v_section_no, 100000) AND s.seat_id <> ALL (p_not_seats)
			ORDER BY s.row_no, s.section_no, s.number LIMIT CASE v_try WHEN 1 THEN 40 END),
		free AS (
			SELECT f.seat_id, f.number, f.number - row_number() OVER (ORDER BY f.number) AS run
			FROM (SELECT * FROM lower UNION ALL SELECT * FROM higher) f),
		-- The range of seat numbers that was read. Free seats farther out are possible only if the limit of 40 is reached.
		seen AS (
			SELECT (SELECT CASE WHEN v_try = 1 AND count(*) = 40 THEN min(number) ELSE -1000000 END FROM lower) AS first,
			       (SELECT CASE WHEN v_try = 1 AND count(*) = 40 THEN max(number) ELSE 1000000 END FROM higher) AS last),
		places AS (
			SELECT n AS first, r.first AS run_first, r.last AS run_last,
			       (n - r.first = 1)::int + (r.last - (n + p_quantity - 1) = 1)::int AS singles,
			       abs(2 * n + p_quantity - 1 - v_middle) AS distance
			FROM (SELECT min(f.number) AS first, max(f.number) AS last FROM free f GROUP BY f.run) r
			CROSS JOIN LATERAL generate_series(r.first, r.last - p_quantity + 1) n),
		best AS (
			SELECT p.* FROM places p ORDER BY p.singles, p.distance, p.first LIMIT 1)
		SELECT (SELECT array_agg(f.seat_id ORDER BY f.seat_id) FROM free f
			WHERE f.number BETWEEN b.first AND b.first + p_quantity - 1) AS seats,
		       b.singles = 0 AND b.distance < v_middle - (2 * (s.first - 1) + p_quantity - 1)
			   AND b.distance < 2 * (s.last + 2 - p_quantity) + p_quantity - 1 - v_middle
			   AND (b.run_first > s.first OR b.first - b.run_first > 1)
			   AND (b.run_last < s.last OR b.run_last - (b.first + p_quantity - 1) > 1) AS is_certain
		INTO v_best FROM best b, seen s;
		EXIT WHEN v_best.is_certain;
	END LOOP;
	RETURN v_best.seats;
END
$$;
