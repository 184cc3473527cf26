-- reservation.create_concert(title, artist, venue, address): makes a concert (POST /admin/concerts). CREATED with the
-- Concert.
CREATE OR REPLACE FUNCTION reservation.create_concert(p_title text, p_artist text, p_venue text, p_address text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_concert	reservation.concerts;
BEGIN
	INSERT INTO reservation.concerts (concert_id, title, artist, venue, address)
	VALUES (platform.uuid_v7(), p_title, p_artist, p_venue, p_address)
	RETURNING * INTO v_concert;

	RETURN platform.created(reservation.concert_json(v_concert)::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.create_concert(text, text, text, text) TO reservation_service;
