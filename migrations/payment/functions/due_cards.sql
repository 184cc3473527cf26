-- payment.due_cards(limit, lease_ms, checks): work for the resolver: OK {due: [{paymentId,
-- userId, status, amount, paymentKey, orderId, cancelNo, ageMs}], oldestSeconds}, at
-- most `limit`, the longest due first. orderId is what the provider knows it by,
-- cancelNo which cancel is to be sent, should one be (0 is the first). Each is leased: nobody else is given it within lease_ms, and
-- if whoever took it is never heard of again, somebody is, afterwards. ageMs is
-- for how long it has been uncertain. oldestSeconds: how long the one has been that has been
-- uncertain for longest; 0 if none is.
--
-- `checks`: the caller knows that an APPROVED payment is only looked up. The resolver of the release before does not
-- know: it calls the function with two arguments, which gives it none; to be dropped with the next release.
--
-- Any instance may call it at any time: what another has locked is passed over.
CREATE OR REPLACE FUNCTION payment.due_cards(p_limit int, p_lease_ms int, p_checks boolean)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
	v_due	json;
	v_old	timestamptz;
BEGIN
	WITH taken AS (
		SELECT c.payment_id FROM payment.cards c
		WHERE (c.due_at IS NOT NULL) IS TRUE AND c.due_at <= v_now AND (c.leased_until IS NULL OR c.leased_until <= v_now)
		  AND (p_checks OR (SELECT p.status FROM payment.payments p WHERE p.payment_id = c.payment_id) <> 'APPROVED')
		ORDER BY c.due_at LIMIT p_limit
		FOR UPDATE SKIP LOCKED),
	leased AS (
		UPDATE payment.cards c
		SET leased_until = v_now + make_interval(secs => p_lease_ms / 1000.0), tries = c.tries + 1, looked_at = v_now,
		    nudged = (c.nudged AND c.heard_at > v_now) IS TRUE	-- heard_at is NULL for a webhook of the release before
		FROM taken t WHERE c.payment_id = t.payment_id
		RETURNING c.payment_id, c.payment_key, c.cancel_no, c.asked_at)
	SELECT json_agg(row_to_json(r)) INTO v_due FROM (
		SELECT l.payment_id AS "paymentId", p.user_id AS "userId", p.status AS "status", p.amount AS "amount",
		       l.payment_key AS "paymentKey", p.reservation_id AS "orderId", l.cancel_no AS "cancelNo",
		       floor(extract(epoch FROM v_now - l.asked_at) * 1000)::bigint AS "ageMs"
		FROM leased l JOIN payment.payments p ON p.payment_id = l.payment_id) r;

	SELECT min(c.asked_at) INTO v_old FROM payment.cards c
	WHERE (c.due_at IS NOT NULL) IS TRUE
	  AND (SELECT p.status FROM payment.payments p WHERE p.payment_id = c.payment_id) <> 'FAILED';
	RETURN platform.ok(concat('{"due":', coalesce(v_due, '[]'), ',"oldestSeconds":',
	    coalesce(floor(extract(epoch FROM v_now - v_old))::bigint, 0), '}'));
END
$$;
GRANT EXECUTE ON FUNCTION payment.due_cards(int, int, boolean) TO payment_service;

CREATE OR REPLACE FUNCTION payment.due_cards(p_limit int, p_lease_ms int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN payment.due_cards(p_limit, p_lease_ms, false);
END
$$;
GRANT EXECUTE ON FUNCTION payment.due_cards(int, int) TO payment_service;
