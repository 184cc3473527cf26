-- payment.heard_of(payment_key): for the provider's webhook. NO_CONTENT, whether anything of ours has that payment key or
-- not. The card payments and charges that have the key, and that may still change, are looked up soon: at most once in
-- ten seconds each, so a webhook within the ten seconds is served when they are over (payment.hear_card).
--
-- A webhook is cheap where it has nothing to cause: it reads two indexes, writes nothing and locks nothing. At most 20
-- payments and 20 charges are noted by one webhook: those that are paid first, then those in doubt, then those not heard of for
-- longest.
--
-- Locks the users, sorted.
CREATE OR REPLACE FUNCTION payment.heard_of(p_payment_key text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_payments	uuid[];
	v_users		uuid[];
	v_charging	uuid[] := point.heard_users(p_payment_key);
	v_payment	uuid;
BEGIN
	SELECT array_agg(h.payment_id), array_agg(h.user_id) INTO v_payments, v_users FROM (
		SELECT c.payment_id, p.user_id
		-- OFFSET 0: the plan looks up the payment key first, then the payment's id, for any statistics.
		FROM (SELECT k.* FROM payment.cards k WHERE k.payment_key = p_payment_key OFFSET 0) c
		CROSS JOIN LATERAL (SELECT q.user_id, q.status FROM payment.payments q WHERE q.payment_id = c.payment_id OFFSET 0) p
		WHERE p.status <> 'REFUNDED'
		  AND (c.nudged AND c.heard_at > clock_timestamp()) IS NOT TRUE
		ORDER BY p.status = 'FAILED', p.status = 'PENDING', c.heard_at NULLS FIRST LIMIT 20) h;
	v_users := v_users || v_charging;

	IF v_users <> '{}' THEN
		PERFORM platform.lock_user(u.user_id) FROM (SELECT DISTINCT a AS user_id FROM unnest(v_users) a ORDER BY 1) u;
		FOREACH v_payment IN ARRAY coalesce(v_payments, '{}') LOOP
			PERFORM payment.hear_card(v_payment);
		END LOOP;
		PERFORM point.heard_of(p_payment_key, v_charging);
	END IF;
	RETURN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply;
END
$$;
GRANT EXECUTE ON FUNCTION payment.heard_of(text) TO payment_service;
