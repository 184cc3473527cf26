-- reservation.change_concert(concert, changes): changes a concert (PATCH /admin/concerts/{concertId}). `changes` holds
-- any of {title, artist, venue, address}, each a text; a missing name keeps its value. OK with the changed Concert, or
-- CONCERT_NOT_FOUND.
CREATE OR REPLACE FUNCTION reservation.change_concert(p_concert uuid, p_changes jsonb)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_concert	reservation.concerts;
BEGIN
	UPDATE reservation.concerts c
	SET title = coalesce(p_changes ->> 'title', c.title),
	    artist = coalesce(p_changes ->> 'artist', c.artist),
	    venue = coalesce(p_changes ->> 'venue', c.venue),
	    address = coalesce(p_changes ->> 'address', c.address)
	WHERE c.concert_id = p_concert
	RETURNING c.* INTO v_concert;
	IF NOT FOUND THEN
		RETURN platform.refuse('CONCERT_NOT_FOUND');
	END IF;

	RETURN platform.ok(reservation.concert_json(v_concert)::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.change_concert(uuid, jsonb) TO reservation_service;
