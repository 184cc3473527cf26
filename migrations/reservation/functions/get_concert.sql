-- reservation.get_concert(concert): one concert (GET /concerts/{concertId}). OK with the Concert, or CONCERT_NOT_FOUND.
CREATE OR REPLACE FUNCTION reservation.get_concert(p_concert uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_concert	reservation.concerts;
BEGIN
	SELECT * INTO v_concert FROM reservation.concerts c WHERE c.concert_id = p_concert;
	IF NOT FOUND THEN
		RETURN platform.refuse('CONCERT_NOT_FOUND');
	END IF;
	RETURN platform.ok(reservation.concert_json(v_concert)::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.get_concert(uuid) TO reservation_service;
