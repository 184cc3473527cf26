-- reservation.remaining(schedule, now): the contract's [{grade, price, total, available}], one for each grade of the
-- schedule. `price` is the lowest price of an available seat; if none is available, the lowest price of the grade. A
-- hold that has run out counts as available.
--
-- The cost is that of counting up to 100,000 seats. They are counted by grade, from the index alone. Only for a grade
-- with several prices does it look which sections have seats left.
CREATE OR REPLACE FUNCTION reservation.remaining(p_schedule uuid, p_now timestamptz)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		SELECT coalesce(json_agg(row_to_json(r) ORDER BY array_position(ARRAY['VIP', 'R', 'S'], r.grade)), '[]') FROM (
			SELECT g.grade,
			       CASE WHEN g.lowest = g.highest THEN g.lowest ELSE coalesce((
				SELECT min(c.price) FROM reservation.sections c
				WHERE c.schedule_id = p_schedule AND c.section_no IN (
					SELECT d.section_no FROM (
						SELECT DISTINCT s.row_no, s.section_no FROM reservation.seats s	-- the columns of the index
						WHERE s.schedule_id = p_schedule AND s.grade = g.grade AND (s.status = 'AVAILABLE') IS TRUE) d
					UNION
					SELECT s.section_no FROM reservation.seats s
					WHERE s.schedule_id = p_schedule AND s.grade = g.grade AND (s.status = 'HOLD') IS TRUE
					  AND s.hold_expires_at <= p_now)), g.lowest) END AS price,
			       g.total,
			       (SELECT count(*) FROM reservation.seats s
				WHERE s.schedule_id = p_schedule AND s.grade = g.grade AND (s.status = 'AVAILABLE') IS TRUE)
			       + (SELECT count(*) FROM reservation.seats s
				WHERE s.schedule_id = p_schedule AND s.grade = g.grade AND (s.status = 'HOLD') IS TRUE
				  AND s.hold_expires_at <= p_now) AS available
			FROM (SELECT c.grade, min(c.price) AS lowest, max(c.price) AS highest,
				     sum(c.rows::bigint * c.seats_per_row)::bigint AS total
			      FROM reservation.sections c WHERE c.schedule_id = p_schedule GROUP BY c.grade) g) r);
END
$$;
