-- platform.cursor(id): a list's nextCursor: the id of the page's last item, in base64url without padding. NULL gives
-- NULL. The services decode it into the uuid again.
CREATE OR REPLACE FUNCTION platform.cursor(p_id uuid) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT translate(encode(uuid_send(p_id), 'base64'), '+/=', '-_')
$$;
GRANT EXECUTE ON FUNCTION platform.cursor(uuid) TO reservation_owner, payment_owner, point_owner;
