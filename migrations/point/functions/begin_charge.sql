-- point.begin_charge(user, amount, payment_key, idempotency_key, request_hash, timeout_ms, request_id): the first half
-- of a charge that a card pays for (POST /points/charge). It writes the charge down as CHARGING. Only after this has
-- committed may the service ask the provider to confirm. The provider's answer goes to point.settle_charge. amount is
-- in points; timeout_ms is the time limit of the call to the provider, in milliseconds.
--   BEGUN                    {chargeId, orderId}: CHARGING is written down; ask the provider
--   ACCEPTED                 {chargeId, status, amount, balance, message}: this key began it, and its outcome is
--                            unknown
--   IDEMPOTENCY_KEY_IN_USE   the first request with this key may still be asking the provider
--   INVALID_REQUEST          the amount is not from 1,000 to 1,000,000
--   POINT_LIMIT_EXCEEDED     the wallet would hold more than 10,000,000, counting all open charges
--   CARD_DECLINED            {providerCode}: this user has used the payment key with this idempotency key before, or
--                            five times with other keys. A payment key belongs to one order, so to one idempotency key.
--                            No further charge is written down
--   other                    a refusal of platform.idempotency_begin
--
-- orderId is point.order_id(user, idempotency_key). The provider binds a payment key to one order id, so it refuses the
-- payment key to all other users and idempotency keys. A charge keeps the order id that it began with; the order ids of
-- earlier releases name no user (docs/adr/0019-a-charge-belongs-to-its-user.md).
--
-- Locks the user, then the wallet.
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
	v_lease := platform.card_lease(v_now, p_timeout_ms);
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
