-- reservation.remaining(schedule, now): the contract's [{grade, price, total,
-- available}], one for each grade of the schedule; where sections of a grade
-- differ in price, the lowest. A hold that has run out counts as available.
CREATE OR REPLACE FUNCTION reservation.remaining(p_schedule uuid, p_now timestamptz)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		WITH free AS (
			SELECT s.grade, count(*) AS seats FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND (s.status = 'AVAILABLE') IS TRUE GROUP BY s.grade
			UNION ALL
			SELECT s.grade, count(*) FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND (s.status = 'HOLD') IS TRUE AND s.hold_expires_at <= p_now GROUP BY s.grade)
		SELECT coalesce(json_agg(row_to_json(g) ORDER BY array_position(ARRAY['VIP', 'R', 'S'], g.grade)), '[]') FROM (
			SELECT c.grade, min(c.price) AS price, sum(c.rows::bigint * c.seats_per_row)::bigint AS total,
			       (SELECT coalesce(sum(f.seats), 0)::bigint FROM free f WHERE f.grade = c.grade) AS available
			FROM reservation.sections c WHERE c.schedule_id = p_schedule GROUP BY c.grade) g);
END
$$;
