-- reservation.seats_json(seats): the seats as a Reservation shows them, from the
-- front to the back.
CREATE OR REPLACE FUNCTION reservation.seats_json(p_seats uuid[])
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		SELECT json_agg(row_to_json(o) ORDER BY s.section_no, s.row_no, s.number)
		FROM reservation.seats s
		CROSS JOIN LATERAL (SELECT s.seat_id AS "seatId", s.section AS "section", s.row_label AS "row",
		    s.number AS "number", s.grade AS "grade", s.price AS "price") o
		WHERE s.seat_id = ANY (p_seats));
END
$$;
