-- reservation.concert_json(concert): a concert as the contract's Concert.
CREATE OR REPLACE FUNCTION reservation.concert_json(p_concert reservation.concerts)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		SELECT row_to_json(c) FROM (
			SELECT (p_concert).concert_id AS "concertId",
			       (p_concert).title AS "title",
			       (p_concert).artist AS "artist",
			       (p_concert).venue AS "venue",
			       (p_concert).address AS "address",
			       platform.rfc3339(min(s.start_at)) AS "firstStartAt",
			       platform.rfc3339(max(s.start_at)) AS "lastStartAt"
			FROM reservation.schedules s WHERE s.concert_id = (p_concert).concert_id) c);
END
$$;
