-- reservation.seat_json(seat_id, section, row_label, number, grade, price): a seat, as a Reservation shows it.
--
-- No SET clause and not SECURITY DEFINER, so that PostgreSQL can inline it. Only the section can need escaping.
CREATE OR REPLACE FUNCTION reservation.seat_json(
	p_seat_id	uuid,
	p_section	text,
	p_row_label	text,
	p_number	int,
	p_grade		text,
	p_price		bigint)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	SELECT '{"seatId":"' || p_seat_id
	    || '","section":' || to_json(p_section)
	    || ',"row":"' || p_row_label
	    || '","number":' || p_number
	    || ',"grade":"' || p_grade
	    || '","price":' || p_price || '}'
$$;

-- An earlier function. Only reservation_json called it, and this transaction replaces that function too.
DROP FUNCTION IF EXISTS reservation.seats_json(uuid[]);
