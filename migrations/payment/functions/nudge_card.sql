-- payment.nudge_card(payment): the user asks again about a payment with unknown outcome. Its look-up is due now, or 1
-- second after the last one began. The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.nudge_card(p_payment uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	UPDATE payment.cards c
	SET due_at = least(c.due_at, platform.card_nudged_at(c.looked_at))
	WHERE c.payment_id = p_payment AND c.due_at IS NOT NULL;
END
$$;
