-- reservation.remaining(schedule, now): the contract's [{grade, price, total, available}], one for each grade of the
-- schedule. `price` is the lowest at which a seat is available; where none is, the grade's lowest. A hold that has run
-- out counts as available. The seats are counted by section, which has their price: the index has the section, and a
-- look into 100,000 rows for their prices is saved.
CREATE OR REPLACE FUNCTION reservation.remaining(p_schedule uuid, p_now timestamptz)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		WITH free AS (
			SELECT s.section_no, count(*) AS seats FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND (s.status = 'AVAILABLE') IS TRUE GROUP BY s.section_no
			UNION ALL
			SELECT s.section_no, count(*) FROM reservation.seats s
			WHERE s.schedule_id = p_schedule AND (s.status = 'HOLD') IS TRUE AND s.hold_expires_at <= p_now
			GROUP BY s.section_no),
		sections AS (
			SELECT c.grade, c.price, c.rows::bigint * c.seats_per_row AS total,
			       (SELECT sum(f.seats) FROM free f WHERE f.section_no = c.section_no) AS available
			FROM reservation.sections c WHERE c.schedule_id = p_schedule)
		SELECT coalesce(json_agg(row_to_json(g) ORDER BY array_position(ARRAY['VIP', 'R', 'S'], g.grade)), '[]') FROM (
			SELECT c.grade, coalesce(min(c.price) FILTER (WHERE c.available > 0), min(c.price)) AS price,
			       sum(c.total)::bigint AS total, coalesce(sum(c.available), 0)::bigint AS available
			FROM sections c GROUP BY c.grade) g);
END
$$;
