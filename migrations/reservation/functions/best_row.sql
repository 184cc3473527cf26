-- reservation.best_row(schedule, grade, quantity, from, not seats): the frontmost row, from the row `from` on, with
-- `quantity` AVAILABLE seats together; NULL if there is none. A row is the number row_no * 1000 + section_no. `not
-- seats` are left out. Locks nothing.
--
-- Reads the index seats_available in its order and stops at the first such row.
CREATE OR REPLACE FUNCTION reservation.best_row(p_schedule uuid, p_grade text, p_quantity int, p_from bigint, p_not_seats uuid[])
RETURNS bigint
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		SELECT w.row_no::bigint * 1000 + w.section_no FROM (
			SELECT s.section_no, s.row_no, s.number,
			       lead(s.number, p_quantity - 1) OVER (PARTITION BY s.row_no, s.section_no ORDER BY s.number) AS last_number
			FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND s.grade = p_grade AND (s.status = 'AVAILABLE') IS TRUE
			  AND (s.row_no, s.section_no) >= ((p_from / 1000)::int, (p_from % 1000)::int)
			  AND s.seat_id <> ALL (p_not_seats)) w
		WHERE w.last_number = w.number + p_quantity - 1
		LIMIT 1);
END
$$;
