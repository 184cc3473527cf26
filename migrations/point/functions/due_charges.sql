-- point.due_charges(limit, lease_ms): work for the resolver: OK {due: [{chargeId,
-- userId, status, amount, paymentKey, orderId, cancelNo, ageMs}], oldestSeconds}, at
-- most `limit`, the longest due first. cancelNo is which cancel is to be sent, should one
-- be (0 is the first). Each is leased: nobody else is given it within lease_ms, and if whoever
-- took it is never heard of again, somebody is, afterwards. ageMs is for how long
-- it has been uncertain; oldestSeconds the same of the oldest of all, 0 if there is none.
--
-- Any instance may call it at any time: what another has locked is passed over.
CREATE OR REPLACE FUNCTION point.due_charges(p_limit int, p_lease_ms int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
	v_due	json;
	v_old	timestamptz;
BEGIN
	WITH taken AS (
		SELECT c.charge_id FROM point.charges c
		WHERE (c.due_at IS NOT NULL) IS TRUE AND c.due_at <= v_now AND (c.leased_until IS NULL OR c.leased_until <= v_now)
		ORDER BY c.due_at LIMIT p_limit
		FOR UPDATE SKIP LOCKED),
	leased AS (
		UPDATE point.charges c
		SET leased_until = v_now + make_interval(secs => p_lease_ms / 1000.0), tries = c.tries + 1, looked_at = v_now,
		    nudged = (c.nudged AND c.heard_at > v_now) IS TRUE	-- heard_at is NULL for a webhook of the release before
		FROM taken t WHERE c.charge_id = t.charge_id
		RETURNING c.*)
	SELECT json_agg(row_to_json(r)) INTO v_due FROM (
		SELECT l.charge_id AS "chargeId", l.user_id AS "userId", l.status AS "status", l.amount AS "amount",
		       l.payment_key AS "paymentKey", l.order_id AS "orderId", l.cancel_no AS "cancelNo",
		       floor(extract(epoch FROM v_now - l.asked_at) * 1000)::bigint AS "ageMs"
		FROM leased l) r;

	SELECT min(c.asked_at) INTO v_old FROM point.charges c WHERE (c.due_at IS NOT NULL) IS TRUE AND c.status = 'CHARGING';
	RETURN platform.ok(concat('{"due":', coalesce(v_due, '[]'), ',"oldestSeconds":',
	    coalesce(floor(extract(epoch FROM v_now - v_old))::bigint, 0), '}'));
END
$$;
GRANT EXECUTE ON FUNCTION point.due_charges(int, int) TO point_service;
