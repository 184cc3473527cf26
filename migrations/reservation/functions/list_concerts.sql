-- reservation.list_concerts(limit, cursor): all concerts, newest first (GET /concerts). OK {items: [Concert],
-- nextCursor}, at most `limit` items, after the concert whose id is `cursor` (NULL: from the newest). INVALID_REQUEST
-- if cursor is not the id of a concert.
CREATE OR REPLACE FUNCTION reservation.list_concerts(p_limit int, p_cursor uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_body	text;
BEGIN
	IF p_cursor IS NOT NULL AND NOT EXISTS (SELECT FROM reservation.concerts c WHERE c.concert_id = p_cursor) THEN
		RETURN platform.refuse('INVALID_REQUEST',
		    '{"errors":[{"field":"cursor","reason":"is not a cursor of this list"}]}');
	END IF;

	WITH found AS (
		-- Reads one row more than the page, to know whether another page follows.
		SELECT c AS concert, c.concert_id, row_number() OVER (ORDER BY c.concert_id DESC) AS n
		FROM reservation.concerts c
		WHERE p_cursor IS NULL OR c.concert_id < p_cursor
		ORDER BY c.concert_id DESC LIMIT p_limit + 1)
	SELECT row_to_json(page)::text INTO v_body FROM (
		SELECT coalesce(json_agg(reservation.concert_json(f.concert) ORDER BY f.n) FILTER (WHERE f.n <= p_limit), '[]') AS "items",
		       CASE WHEN count(*) > p_limit THEN
				platform.cursor((SELECT l.concert_id FROM found l WHERE l.n = p_limit)) END AS "nextCursor"
		FROM found f) page;

	RETURN platform.ok(v_body);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.list_concerts(int, uuid) TO reservation_service;
