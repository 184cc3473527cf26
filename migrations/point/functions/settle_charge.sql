-- point.settle_charge(user, charge, result, provider_code): applies the provider's answer to a charge. Every change of
-- a charge after point.begin_charge goes through here. `result` is as in payment.settle_card. By the charge's status:
--   CHARGING   CAPTURED: CREATED {chargeId, status, amount, balance, history, message}; CHARGED with its ledger entry,
--              however late and however full the wallet is, because the money was taken. DECLINED, CANCELLED:
--              CARD_DECLINED {providerCode}; FAILED without a ledger entry. ABSENT after platform.card_forgotten_after:
--              the same with providerCode EXPIRED, and look-ups go on for as long again. Other results: ACCEPTED, and a
--              look-up is due again
--   FAILED     CANCELLED, DECLINED, or ABSENT after platform.card_forgotten_after: finished. Other results: a look-up
--              is due again; after CAPTURED or UNWANTED the next cancel has a new idempotency key
-- The answer that ends CHARGING is stored under the charge's key. Later calls return that answer, or NO_CONTENT. The
-- wallet becomes ACTIVE when it has no CHARGING charge left.
--
-- Locks the user, then the wallet.
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
	v_forgotten := p_result = 'ABSENT' AND coalesce(v_charge.settled_at, v_charge.created_at) < v_now - platform.card_forgotten_after();

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

	-- Look-ups go on if the provider may still capture the money, or declined because we used the payment key before.
	v_watched := v_forgotten OR p_result = 'DECLINED' AND platform.card_may_be_ours(p_provider_code);
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

-- Its callers use platform.card_forgotten_after now; this transaction replaces them all.
DROP FUNCTION IF EXISTS point.forgotten_after();
