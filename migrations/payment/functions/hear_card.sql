-- payment.hear_card(payment): a webhook says that there is news of a card payment. It is looked up: now, or ten seconds
-- after the last look-up that a webhook caused. `nudged` with `heard_at` is the promise that a look-up begins at heard_at
-- or later. A settlement in between keeps the promise, unless the payment can change no more.
--
-- Also an APPROVED payment is looked up: its money may have been given back at the provider. A FAILED one may have been
-- captured after all, unless the same payment key has another, live payment of the same reservation (the order that the
-- key stands for) by now: then the money is that one's. The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.hear_card(p_payment uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
BEGIN
	UPDATE payment.cards c
	SET nudged = true, heard_at = greatest(v_now, c.heard_at + interval '10 s'),
	    due_at = least(c.due_at, greatest(v_now, c.heard_at + interval '10 s')),
	    asked_at = CASE WHEN c.due_at IS NULL THEN v_now ELSE c.asked_at END
	FROM payment.payments p
	WHERE c.payment_id = p_payment AND p.payment_id = c.payment_id
	  AND (c.nudged AND c.heard_at > v_now) IS NOT TRUE
	  AND (c.due_at IS NOT NULL OR p.status = 'APPROVED' OR p.status = 'FAILED' AND NOT EXISTS (
		SELECT FROM payment.cards o JOIN payment.payments q ON q.payment_id = o.payment_id
		WHERE o.payment_key = c.payment_key AND q.reservation_id = p.reservation_id AND q.status <> 'FAILED'));
END
$$;
