-- reservation.list_reservations(user, status, limit, cursor): the user's reservations, newest first (GET
-- /reservations). OK {items: [Reservation], nextCursor}, at most `limit` items, after the reservation whose id is
-- `cursor` (NULL: from the newest), whatever status that one has by now. `status` is the shown status (a HOLD that has
-- run out is EXPIRED); NULL: all. INVALID_REQUEST if cursor is not the id of one of the user's reservations.
--
-- Each status reads its own part of the index reservations_by_user_status, from the cursor on, at most one page. So the
-- cost does not depend on the number of the user's reservations.
CREATE OR REPLACE FUNCTION reservation.list_reservations(p_user uuid, p_status text, p_limit int, p_cursor uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
	v_last	uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';	-- above all ids
	v_body	text;
BEGIN
	IF p_cursor IS NOT NULL AND NOT EXISTS (
		SELECT FROM reservation.reservations r WHERE r.reservation_id = p_cursor AND r.user_id = p_user) THEN
		RETURN platform.refuse('INVALID_REQUEST',
		    '{"errors":[{"field":"cursor","reason":"is not a cursor of this list"}]}');
	END IF;

	WITH found AS (
		-- Reads one row more than the page, to know whether another page follows.
		SELECT r.reservation, r.reservation_id, row_number() OVER (ORDER BY r.reservation_id DESC) AS n
		FROM unnest(CASE WHEN p_status IS NULL THEN ARRAY['HOLD', 'CONFIRMED', 'CANCELLED', 'EXPIRED']
		    WHEN p_status = 'EXPIRED' THEN ARRAY['HOLD', 'EXPIRED'] ELSE ARRAY[p_status] END) k (status)
		CROSS JOIN LATERAL (
			SELECT m AS reservation, m.reservation_id FROM reservation.reservations m
			WHERE uuid_hash_extended(m.user_id, 0) = uuid_hash_extended(p_user, 0) AND (m.user_id = p_user) IS TRUE
			  AND m.status = k.status AND m.reservation_id < coalesce(p_cursor, v_last)
			  AND (p_status IS NULL OR m.status <> 'HOLD' OR (m.hold_expires_at <= v_now) = (p_status = 'EXPIRED'))
			ORDER BY m.reservation_id DESC LIMIT p_limit + 1) r
		ORDER BY r.reservation_id DESC LIMIT p_limit + 1)
	SELECT row_to_json(page)::text INTO v_body FROM (
		SELECT coalesce(json_agg(reservation.reservation_json(f.reservation, v_now) ORDER BY f.n)
			FILTER (WHERE f.n <= p_limit), '[]') AS "items",
		       CASE WHEN count(*) > p_limit THEN
				platform.cursor((SELECT l.reservation_id FROM found l WHERE l.n = p_limit)) END AS "nextCursor"
		FROM found f) page;

	RETURN platform.ok(v_body);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.list_reservations(uuid, text, int, uuid) TO reservation_service;
