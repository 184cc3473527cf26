-- payment.due_cards(limit, lease_ms, checks): work for the resolver. OK {due: [{paymentId,
-- userId, status, amount, paymentKey, orderId, cancelNo, ageMs}], oldestSeconds, left}: at
-- most `limit` card payments, the longest due first. orderId is the provider's id of the
-- order. cancelNo is the number of the next cancel call to the provider (0 is the first).
-- ageMs: since when the outcome of the payment is unknown. oldestSeconds: the same for the
-- oldest such payment; 0 without one. left: the number of due payments, also leased ones,
-- counted up to 10,000.
--
-- The caller leases each payment for lease_ms: until then no other caller gets it. If the
-- caller dies, another worker gets the payment when the lease expires.
--
-- `checks`: the caller knows that it may only look up an APPROVED payment. The resolver of
-- the release before does not know that. It calls the function with two arguments, which
-- returns no APPROVED payment. The next release drops that form.
--
-- Any instance may call this at any time. It skips rows that another transaction has locked.
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
	    coalesce(floor(extract(epoch FROM v_now - v_old))::bigint, 0), ',"left":', (
		SELECT count(*) FROM (
			SELECT FROM payment.cards c WHERE (c.due_at IS NOT NULL) IS TRUE AND c.due_at <= v_now LIMIT 10000) l), '}'));
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
