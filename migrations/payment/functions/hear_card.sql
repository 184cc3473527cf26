-- payment.hear_card(payment): a webhook says that there is news about a card payment. A look-up becomes due: now, or 10
-- seconds after the last look-up that a webhook caused (platform.card_heard_at). The column `nudged` promises a look-up
-- that begins at `heard_at` or later. A settlement in between keeps that promise, unless the payment can no longer
-- change.
--
-- An APPROVED payment is looked up too, because its money may have been given back at the provider. So is a FAILED one,
-- because it may have been captured after all. One exception: if another payment of the same reservation has the same
-- payment key and has not failed, the money is that payment's.
--
-- The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.hear_card(p_payment uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
BEGIN
	UPDATE payment.cards c
	SET nudged = true, heard_at = platform.card_heard_at(v_now, c.heard_at),
	    due_at = least(c.due_at, platform.card_heard_at(v_now, c.heard_at)),
	    asked_at = CASE WHEN c.due_at IS NULL THEN v_now ELSE c.asked_at END
	FROM payment.payments p
	WHERE c.payment_id = p_payment AND p.payment_id = c.payment_id
	  AND (c.nudged AND c.heard_at > v_now) IS NOT TRUE
	  AND (c.due_at IS NOT NULL OR p.status = 'APPROVED' OR p.status = 'FAILED' AND NOT EXISTS (
		SELECT FROM payment.cards o JOIN payment.payments q ON q.payment_id = o.payment_id
		WHERE o.payment_key = c.payment_key AND q.reservation_id = p.reservation_id AND q.status <> 'FAILED'));
END
$$;
