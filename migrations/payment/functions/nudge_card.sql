-- payment.nudge_card(payment): somebody has a reason to believe that there is news:
-- whatever of a card payment may still change is due now, or, if somebody is
-- looking at it already, once more afterwards. Nobody is believed anything: the
-- resolver asks the provider. Of a FAILED payment it may turn out that it was captured
-- after all, unless the same payment key has another, live payment of the same reservation (the
-- order that the key stands for) by now: then the money is that one's. The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.nudge_card(p_payment uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	UPDATE payment.cards c
	SET due_at = least(c.due_at, clock_timestamp()), nudged = true,
	    asked_at = CASE WHEN c.due_at IS NULL THEN clock_timestamp() ELSE c.asked_at END
	FROM payment.payments p
	WHERE c.payment_id = p_payment AND p.payment_id = c.payment_id
	  AND (c.due_at IS NOT NULL OR p.status = 'FAILED' AND NOT EXISTS (
		SELECT FROM payment.cards o JOIN payment.payments q ON q.payment_id = o.payment_id
		WHERE o.payment_key = c.payment_key AND q.reservation_id = p.reservation_id AND q.status <> 'FAILED'));
END
$$;
