-- point.begin_charge(user, amount, payment_key, idempotency_key, request_hash,
-- timeout_ms, request_id): the first half of a charge that a card pays for. Once
-- this has committed, and not before, the provider may be asked to confirm;
-- what it says goes to point.settle_charge. timeout_ms is how long that may take.
--   BEGUN                    {chargeId, orderId}: the wallet is CHARGING, ask the provider
--   ACCEPTED                 {chargeId, status, amount, balance, message}: this key
--                            began it, and its outcome is not known yet
--   IDEMPOTENCY_KEY_IN_USE   the first request with this key is asking right now
--   INVALID_REQUEST          the amount is not within 1,000 to 1,000,000
--   POINT_LIMIT_EXCEEDED     the wallet, with all it is being charged, would hold
--                            more than 10,000,000
--   CARD_DECLINED            {providerCode}: this user has used this payment key with this
--                            idempotency key before, or five times with others (it is of
--                            one order, so of one idempotency key); nothing more is on record
-- and what platform.idempotency_begin says.
--
-- orderId is point.order_id(user, idempotency_key). The provider binds a payment key to
-- one order, so it refuses the key to every other user and every other idempotency key.
-- A charge keeps the order id that it began with; those of earlier releases name no user
-- (docs/adr/0019-a-charge-belongs-to-its-user.md).
--
-- Locks the user, the wallet.
CREATE OR REPLACE FUNCTION point.begin_charge(
	p_user			uuid,
	p_amount		bigint,
	p_payment_key		text,
	p_idempotency_key	text,
	p_request_hash		text,
	p_timeout_ms		int,
	p_request_id		text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reply		platform.reply;
	v_open		point.charges;
	v_wallet	point.wallets;
	v_charge	uuid := platform.uuid_v7();
	v_order		text := point.order_id(p_user, p_idempotency_key);
	v_now		timestamptz;
	v_lease		timestamptz;
	v_tried		boolean;
BEGIN
	IF p_amount IS NULL OR p_amount NOT BETWEEN 1000 AND 1000000 THEN
		RETURN platform.refuse('INVALID_REQUEST',
		    '{"errors":[{"field":"amount","reason":"must be from 1000 to 1000000"}]}', p_request_id);
	END IF;

	v_reply := platform.idempotency_begin(p_user, 'points.charge', p_idempotency_key, p_request_hash);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;
	SELECT c.* INTO v_open FROM point.charges c
	WHERE c.user_id = p_user AND (c.status = 'CHARGING') IS TRUE AND c.idempotency_key = p_idempotency_key;
	IF FOUND THEN
		RETURN point.resume_charge(v_open, p_request_hash, p_request_id);
	END IF;

	v_wallet := point.lock_wallet(p_user);
	IF v_wallet.balance + p_amount + (
	    SELECT coalesce(sum(c.amount), 0) FROM point.charges c
	    WHERE c.user_id = p_user AND (c.status = 'CHARGING') IS TRUE) > 10000000 THEN
		RETURN platform.idempotency_end(p_user, 'points.charge', p_idempotency_key, p_request_hash,
		    platform.refuse('POINT_LIMIT_EXCEEDED', NULL, p_request_id));
	END IF;

	v_now := clock_timestamp();
	v_lease := v_now + make_interval(secs => p_timeout_ms / 1000.0 + 5);
	v_tried := EXISTS (SELECT FROM point.charges c WHERE c.payment_key = p_payment_key AND c.user_id = p_user OFFSET 4);
	INSERT INTO point.charges (charge_id, user_id, amount, status, payment_key, order_id, idempotency_key, request_hash,
	    request_id, asked_at, due_at, leased_until, created_at)
	SELECT v_charge, p_user, p_amount, 'CHARGING', p_payment_key, v_order, p_idempotency_key, p_request_hash,
	    p_request_id, v_now, v_lease, v_lease, v_now
	WHERE NOT v_tried
	ON CONFLICT (payment_key, order_id) DO NOTHING;
	IF NOT FOUND THEN
		RETURN platform.idempotency_end(p_user, 'points.charge', p_idempotency_key, p_request_hash,
		    platform.refuse('CARD_DECLINED', '{"providerCode":"ALREADY_PROCESSED_PAYMENT"}', p_request_id));
	END IF;
	UPDATE point.wallets w SET status = 'CHARGING' WHERE w.user_id = p_user;
	RETURN platform.refuse('BEGUN', concat('{"chargeId":"', v_charge, '","orderId":"', v_order, '"}'), p_request_id);
END
$$;
GRANT EXECUTE ON FUNCTION point.begin_charge(uuid, bigint, text, text, text, int, text) TO point_service;
