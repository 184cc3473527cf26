-- point.settle_charge(user, charge, result, provider_code): writes down what the
-- provider said of a CHARGING charge: the one way for it to go on. `result` is as
-- for payment.settle_card:
--   CAPTURED             CREATED {chargeId, status, amount, balance, history, message}:
--                        CHARGED, with its ledger entry, however late it is and
--                        whatever the wallet holds: the money has been taken
--   DECLINED, CANCELLED  CARD_DECLINED {providerCode}: FAILED, the ledger knows nothing of it
--   ABSENT, UNKNOWN      ACCEPTED: it is due again
-- The first two are kept under the charge's key; a settled charge answers with what
-- is kept. The wallet is ACTIVE when nothing more is CHARGING. Locks the user, the wallet.
CREATE OR REPLACE FUNCTION point.settle_charge(p_user uuid, p_charge uuid, p_result text, p_provider_code text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_charge	point.charges;
	v_wallet	point.wallets;
	v_reply		platform.reply;
BEGIN
	PERFORM platform.lock_user(p_user);
	SELECT c.* INTO v_charge FROM point.charges c WHERE c.charge_id = p_charge AND c.user_id = p_user;

	IF v_charge.status IS DISTINCT FROM 'CHARGING' THEN
		v_reply := platform.idempotency_begin(p_user, 'points.charge', v_charge.idempotency_key, v_charge.request_hash);
		RETURN CASE WHEN v_reply.outcome IS NULL THEN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply ELSE v_reply END;
	ELSIF p_result NOT IN ('CAPTURED', 'DECLINED', 'CANCELLED') THEN
		-- As payment.put_off_card.
		UPDATE point.charges c
		SET leased_until = NULL, tries = greatest(c.tries, 1),
		    due_at = clock_timestamp() + CASE WHEN c.tries = 0 THEN interval '0'
			ELSE make_interval(secs => least(60, 0.5 * 2 ^ least(c.tries - 1, 10)) * (0.75 + random() / 2)) END
		WHERE c.charge_id = p_charge;
		RETURN ROW('ACCEPTED', point.charging_json(v_charge)::text, NULL, false, v_charge.request_id)::platform.reply;
	END IF;

	v_wallet := point.lock_wallet(p_user);
	UPDATE point.charges c
	SET status = CASE p_result WHEN 'CAPTURED' THEN 'CHARGED' ELSE 'FAILED' END,
	    provider_code = CASE WHEN p_result <> 'CAPTURED' THEN coalesce(p_provider_code, p_result) END,
	    settled_at = clock_timestamp(), due_at = NULL, leased_until = NULL
	WHERE c.charge_id = p_charge AND c.status = 'CHARGING'
	RETURNING c.* INTO STRICT v_charge;
	UPDATE point.wallets w SET status = 'ACTIVE'
	WHERE w.user_id = p_user
	  AND NOT EXISTS (SELECT FROM point.charges c WHERE c.user_id = p_user AND c.status = 'CHARGING');

	IF p_result = 'CAPTURED' THEN
		v_reply := platform.created(point.charged_json(p_charge,
		    point.append(v_wallet, 'CHARGE', v_charge.amount, p_charge, p_charge))::text, v_charge.request_id);
	ELSE
		v_reply := platform.refuse('CARD_DECLINED', (SELECT row_to_json(r)::text FROM (
		    SELECT v_charge.provider_code AS "providerCode") r), v_charge.request_id);
	END IF;
	RETURN platform.idempotency_settle(p_user, 'points.charge', v_charge.idempotency_key, v_charge.request_hash, v_reply);
END
$$;
GRANT EXECUTE ON FUNCTION point.settle_charge(uuid, uuid, text, text) TO point_service;
