-- point.settle_charge(user, charge, result, provider_code): writes down what the
-- provider said of a charge: the one way for it to go on. `result` is as for
-- payment.settle_card. What becomes of it:
--   CHARGING   CAPTURED: CREATED {chargeId, status, amount, balance, history, message},
--              CHARGED, with its ledger entry, however late it is and whatever the
--              wallet holds: the money has been taken.
--              DECLINED, CANCELLED: CARD_DECLINED {providerCode}: FAILED, the ledger knows
--              nothing of it. ABSENT, when it is so old that the provider has forgotten
--              it: the same, with providerCode EXPIRED, and it is watched for as long again.
--              Else ACCEPTED: it is due again.
--   FAILED     CANCELLED, DECLINED, or ABSENT for long enough: nothing more to do. Else it
--              is due again; CAPTURED or UNWANTED: the next cancel has a new key.
-- What ends CHARGING is kept under the charge's key; afterwards the answer is what is
-- kept, or NO_CONTENT. The wallet is ACTIVE when nothing more is CHARGING. Locks the user,
-- the wallet.
CREATE OR REPLACE FUNCTION point.settle_charge(p_user uuid, p_charge uuid, p_result text, p_provider_code text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_charge	point.charges;
	v_wallet	point.wallets;
	v_reply		platform.reply;
	v_now		timestamptz;
	v_forgotten	boolean;
	v_watched	boolean;
BEGIN
	PERFORM platform.lock_user(p_user);
	v_now := clock_timestamp();
	SELECT c.* INTO v_charge FROM point.charges c WHERE c.charge_id = p_charge AND c.user_id = p_user;
	v_forgotten := p_result = 'ABSENT' AND coalesce(v_charge.settled_at, v_charge.created_at) < v_now - point.forgotten_after();

	IF v_charge.status = 'FAILED' AND v_charge.due_at IS NOT NULL THEN
		IF p_result IN ('CANCELLED', 'DECLINED') OR v_forgotten AND NOT v_charge.nudged THEN
			UPDATE point.charges c SET due_at = NULL, leased_until = NULL, nudged = false WHERE c.charge_id = p_charge;
		ELSE
			PERFORM point.put_off_charge(p_charge, p_result IN ('CAPTURED', 'UNWANTED'));
		END IF;
	END IF;
	IF v_charge.status IS DISTINCT FROM 'CHARGING' THEN
		v_reply := platform.idempotency_begin(p_user, 'points.charge', v_charge.idempotency_key, v_charge.request_hash);
		RETURN CASE WHEN v_reply.outcome IS NULL THEN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply ELSE v_reply END;
	ELSIF p_result NOT IN ('CAPTURED', 'DECLINED', 'CANCELLED') AND NOT v_forgotten THEN
		PERFORM point.put_off_charge(p_charge, p_result = 'UNWANTED');
		RETURN ROW('ACCEPTED', point.charging_json(v_charge)::text, NULL, false, v_charge.request_id)::platform.reply;
	END IF;

	-- Not the provider's last word, or one that our own confirm may have been the reason for.
	v_watched := v_forgotten OR p_result = 'DECLINED' AND p_provider_code IN ('ALREADY_PROCESSED_PAYMENT', 'DUPLICATED_ORDER_ID');
	v_wallet := point.lock_wallet(p_user);
	UPDATE point.charges c
	SET status = CASE p_result WHEN 'CAPTURED' THEN 'CHARGED' ELSE 'FAILED' END,
	    provider_code = CASE WHEN v_forgotten THEN 'EXPIRED' WHEN p_result <> 'CAPTURED' THEN coalesce(p_provider_code, p_result) END,
	    settled_at = v_now, leased_until = NULL, tries = 0, nudged = c.nudged AND v_watched,
	    due_at = CASE WHEN v_watched THEN least(v_now + interval '1 minute', CASE WHEN c.nudged THEN c.heard_at END) END
	WHERE c.charge_id = p_charge AND c.status = 'CHARGING'
	RETURNING c.* INTO STRICT v_charge;
	UPDATE point.wallets w SET status = 'ACTIVE'
	WHERE w.user_id = p_user
	  AND NOT EXISTS (SELECT FROM point.charges c WHERE c.user_id = p_user AND (c.status = 'CHARGING') IS TRUE);

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
