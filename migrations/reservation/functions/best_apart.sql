-- reservation.best_apart(schedule, grade, quantity, from, not seats): the best AVAILABLE seats of that grade if no row
-- has room for all together, sorted by id; NULL if there are too few. The best seats span the fewest rows; within one
-- row they are the nearest to each other; then the frontmost win. `from` is the first row with a free seat (a number as
-- in reservation.best_row). `not seats` are left out.
--
-- Reads at most the frontmost 1,000 free seats. Locks nothing.
CREATE OR REPLACE FUNCTION reservation.best_apart(p_schedule uuid, p_grade text, p_quantity int, p_from bigint, p_not_seats uuid[])
RETURNS uuid[]
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		WITH front AS (
			SELECT s.seat_id, s.row_no, s.section_no, s.number
			FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			  AND (s.row_no, s.section_no) >= ((p_from / 1000)::int, (p_from % 1000)::int)
			  AND s.seat_id <> ALL (p_not_seats)
			ORDER BY s.row_no, s.section_no, s.number LIMIT 1000),
		free AS (
			SELECT s.seat_id, row_number() OVER w AS n,
			       lead(s.row_no, p_quantity - 1) OVER w - s.row_no AS rows_over,
			       abs(lead(s.section_no, p_quantity - 1) OVER w - s.section_no) AS sections_over,
			       lead(s.number, p_quantity - 1) OVER w - s.number AS spread
			FROM front s WINDOW w AS (ORDER BY s.row_no, s.section_no, s.number)),
		best AS (
			SELECT f.n FROM free f WHERE f.rows_over IS NOT NULL
			ORDER BY f.rows_over, f.sections_over,
			    CASE WHEN f.rows_over = 0 AND f.sections_over = 0 THEN f.spread ELSE 0 END, f.n LIMIT 1)
		SELECT array_agg(f.seat_id ORDER BY f.seat_id) FROM free f, best b WHERE f.n BETWEEN b.n AND b.n + p_quantity - 1);
END
$$;

-- An earlier signature. Only lock_best_seats called it, and this transaction replaces that function too.
DROP FUNCTION IF EXISTS reservation.best_seats(uuid, text, int, uuid[], int[]);
