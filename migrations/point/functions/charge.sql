-- point.charge(user, amount, idempotency_key, request_hash, request_id): adds `amount` points at once (POST
-- /points/charge); the service has made sure of the money.
--   CREATED                {chargeId, status, amount, balance, history, message}
--   INVALID_REQUEST        the amount is not from 1,000 to 1,000,000
--   POINT_LIMIT_EXCEEDED   the wallet would hold more than 10,000,000
--   other                  a refusal of platform.idempotency_begin, or the answer of point.resume_charge if this key
--                          began a charge by card that is still open
--
-- Locks the user, then the wallet.
CREATE OR REPLACE FUNCTION point.charge(
	p_user			uuid,
	p_amount		bigint,
	p_idempotency_key	text,
	p_request_hash		text,
	p_request_id		text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_open		point.charges;
	v_wallet	point.wallets;
	v_charge	uuid;
	v_entry		point.entries;
	v_reply		platform.reply;
BEGIN
	IF p_amount IS NULL OR p_amount NOT BETWEEN 1000 AND 1000000 THEN
		RETURN platform.refuse('INVALID_REQUEST',
		    '{"errors":[{"field":"amount","reason":"must be from 1000 to 1000000"}]}', p_request_id);
	END IF;

	v_reply := platform.idempotency_begin(p_user, 'points.charge', p_idempotency_key, p_request_hash);
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;
	-- An open charge by card has no stored answer yet, but its key is in use.
	SELECT c.* INTO v_open FROM point.charges c
	WHERE c.user_id = p_user AND (c.status = 'CHARGING') IS TRUE AND c.idempotency_key = p_idempotency_key;
	IF FOUND THEN
		RETURN point.resume_charge(v_open, p_request_hash, p_request_id);
	END IF;

	v_wallet := point.lock_wallet(p_user);
	IF v_wallet.balance + p_amount > 10000000 THEN
		v_reply := platform.refuse('POINT_LIMIT_EXCEEDED', NULL, p_request_id);
	ELSE
		v_charge := platform.uuid_v7();
		v_entry := point.append(v_wallet, 'CHARGE', p_amount, v_charge, v_charge);
		v_reply := platform.created(point.charged_json(v_charge, v_entry)::text, p_request_id);
	END IF;
	RETURN platform.idempotency_end(p_user, 'points.charge', p_idempotency_key, p_request_hash, v_reply);
END
$$;
GRANT EXECUTE ON FUNCTION point.charge(uuid, bigint, text, text, text) TO point_service;
