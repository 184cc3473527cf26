-- payment.put_off_card(payment, still_there): the outcome is still unknown. The next look-up is due after the pause of
-- platform.card_pause, or earlier if a webhook waits for one (payment.hear_card).
-- still_there: the provider still has money that was to be given back. The next cancel then uses a new idempotency key,
-- because the provider repeats its old answer for an old key.
--
-- The caller has locked the user.
CREATE OR REPLACE FUNCTION payment.put_off_card(p_payment uuid, p_still_there boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	UPDATE payment.cards c
	SET leased_until = NULL, tries = greatest(c.tries, 1), cancel_no = c.cancel_no + p_still_there::int,
	    due_at = least(CASE WHEN c.nudged THEN c.heard_at END, clock_timestamp() + platform.card_pause(c.tries))
	WHERE c.payment_id = p_payment;
END
$$;
