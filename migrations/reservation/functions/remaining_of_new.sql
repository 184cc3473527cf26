-- reservation.remaining_of_new(schedule): the result of reservation.remaining for a schedule of which no seat was ever
-- taken. It reads only the sections, so that making a schedule does not count its seats.
CREATE OR REPLACE FUNCTION reservation.remaining_of_new(p_schedule uuid)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		SELECT json_agg(row_to_json(g) ORDER BY array_position(ARRAY['VIP', 'R', 'S'], g.grade))
		FROM (SELECT c.grade, min(c.price) AS price, sum(c.rows::bigint * c.seats_per_row)::bigint AS total,
			     sum(c.rows::bigint * c.seats_per_row)::bigint AS available
		      FROM reservation.sections c WHERE c.schedule_id = p_schedule GROUP BY c.grade) g);
END
$$;
