-- point.due_charges(limit, lease_ms): work for the resolver. OK {due: [{chargeId, userId,
-- status, amount, paymentKey, orderId, cancelNo, ageMs}], oldestSeconds, left}: at most
-- `limit` charges, the longest due first. cancelNo is the number of the next cancel call
-- to the provider (0 is the first). ageMs: since when the outcome of the charge is unknown.
-- oldestSeconds: the same for the oldest such charge; 0 without one. left: the number of
-- due charges, also leased ones, counted up to 10,000.
--
-- The caller leases each charge for lease_ms: until then no other caller gets it. If the
-- caller dies, another worker gets the charge when the lease expires.
--
-- Any instance may call this at any time. It skips rows that another transaction has locked.
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
	    coalesce(floor(extract(epoch FROM v_now - v_old))::bigint, 0), ',"left":', (
		SELECT count(*) FROM (
			SELECT FROM point.charges c WHERE (c.due_at IS NOT NULL) IS TRUE AND c.due_at <= v_now LIMIT 10000) l), '}'));
END
$$;
GRANT EXECUTE ON FUNCTION point.due_charges(int, int) TO point_service;
