-- point.list_entries(user, limit, cursor): the user's ledger entries, newest first (GET /points/histories). OK {items:
-- [History], nextCursor}, at most `limit` items, after the entry whose id is `cursor` (NULL: from the newest).
-- INVALID_REQUEST if cursor is not the id of one of the user's entries.
CREATE OR REPLACE FUNCTION point.list_entries(p_user uuid, p_limit int, p_cursor uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_below	bigint := 9223372036854775807;
	v_items	text;
	v_ids	uuid[];
BEGIN
	IF p_cursor IS NOT NULL THEN
		SELECT e.version INTO v_below FROM point.entries e
		WHERE e.entry_id = p_cursor AND e.user_id = p_user;
		IF NOT FOUND THEN
			RETURN platform.refuse('INVALID_REQUEST',
			    '{"errors":[{"field":"cursor","reason":"is not a cursor of this list"}]}');
		END IF;
	END IF;

	-- Reads one row more than the page, to know whether another page follows.
	SELECT string_agg(point.entry_json(r.e)::text, ',' ORDER BY r.n) FILTER (WHERE r.n <= p_limit),
	       array_agg((r.e).entry_id ORDER BY r.n)
	INTO v_items, v_ids
	FROM (
		SELECT e, row_number() OVER (ORDER BY e.version DESC) AS n
		FROM point.entries e
		WHERE e.user_id = p_user AND e.version < v_below
		ORDER BY e.version DESC
		LIMIT p_limit + 1) r;

	RETURN platform.ok(concat('{"items":[', v_items, '],"nextCursor":',
	    CASE WHEN cardinality(v_ids) > p_limit THEN to_json(platform.cursor(v_ids[p_limit]))::text ELSE 'null' END,
	    '}'));
END
$$;
GRANT EXECUTE ON FUNCTION point.list_entries(uuid, int, uuid) TO point_service;
