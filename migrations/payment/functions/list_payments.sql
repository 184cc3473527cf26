-- payment.list_payments(user, limit, cursor): the user's payments, newest first (GET /payments). OK {items: [Payment],
-- nextCursor}, at most `limit` items, after the payment whose id is `cursor` (NULL: from the newest). INVALID_REQUEST
-- if cursor is not the id of one of the user's payments.
CREATE OR REPLACE FUNCTION payment.list_payments(p_user uuid, p_limit int, p_cursor uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_items	text;
	v_ids	uuid[];
BEGIN
	IF p_cursor IS NOT NULL AND NOT EXISTS (
		SELECT FROM payment.payments p WHERE p.payment_id = p_cursor AND p.user_id = p_user) THEN
		RETURN platform.refuse('INVALID_REQUEST',
		    '{"errors":[{"field":"cursor","reason":"is not a cursor of this list"}]}');
	END IF;

	-- Reads one row more than the page, to know whether another page follows.
	SELECT string_agg(payment.payment_json(r.p)::text, ',' ORDER BY r.n) FILTER (WHERE r.n <= p_limit),
	       array_agg((r.p).payment_id ORDER BY r.n)
	INTO v_items, v_ids
	FROM (
		SELECT p, row_number() OVER (ORDER BY p.payment_id DESC) AS n
		FROM payment.payments p
		WHERE p.user_id = p_user
		  AND p.payment_id < coalesce(p_cursor, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
		ORDER BY p.payment_id DESC
		LIMIT p_limit + 1) r;

	RETURN platform.ok(concat('{"items":[', v_items, '],"nextCursor":',
	    CASE WHEN cardinality(v_ids) > p_limit THEN to_json(platform.cursor(v_ids[p_limit]))::text ELSE 'null' END,
	    '}'));
END
$$;
GRANT EXECUTE ON FUNCTION payment.list_payments(uuid, int, uuid) TO payment_service;
