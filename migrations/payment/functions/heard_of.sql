-- payment.heard_of(payment_key): the provider's webhook (POST /payments/webhooks/toss). Look-ups become due for the
-- card payments and charges with this payment key that may still change: for each at most one in 10 seconds
-- (payment.hear_card). NO_CONTENT, also if no payment or charge has the key.
--
-- One webhook makes at most 20 payments and 20 charges due: paid payments first, then PENDING, then FAILED ones; of
-- each group those that no webhook has named for the longest time. A webhook without effect is cheap: it reads two
-- indexes, writes nothing and locks nothing.
--
-- Locks the users, in the order of their ids.
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
		-- OFFSET 0: every plan looks up the payment key first, then the payment's id, with any statistics.
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
