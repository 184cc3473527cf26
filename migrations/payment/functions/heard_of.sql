-- payment.heard_of(payment_key): for the provider's webhook. NO_CONTENT, whether
-- anything of ours has that payment key or not; the card payments and the charge that
-- have it are looked up soon, if they may still change.
--
-- Locks the users.
CREATE OR REPLACE FUNCTION payment.heard_of(p_payment_key text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_heard	record;
BEGIN
	FOR v_heard IN
		SELECT c.payment_id, p.user_id FROM payment.cards c JOIN payment.payments p ON p.payment_id = c.payment_id
		WHERE c.payment_key = p_payment_key ORDER BY p.user_id
	LOOP
		PERFORM platform.lock_user(v_heard.user_id);
		PERFORM payment.nudge_card(v_heard.payment_id);
	END LOOP;
	PERFORM point.heard_of(p_payment_key);
	RETURN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply;
END
$$;
GRANT EXECUTE ON FUNCTION payment.heard_of(text) TO payment_service;
