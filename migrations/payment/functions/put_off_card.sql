-- payment.put_off_card(payment, still_there): its outcome is still not known: the
-- resolver is to look at once if it has not yet, else after half a second, doubling to a
-- minute with every try, and a quarter more or less, so that what broke together does not
-- come back together; and when a webhook's look-up is due (payment.hear_card). still_there:
-- money that was to be given back is still at the provider; the next cancel has a new
-- key, for to the old one the provider would say again what it said.
CREATE OR REPLACE FUNCTION payment.put_off_card(p_payment uuid, p_still_there boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	UPDATE payment.cards c
	SET leased_until = NULL, tries = greatest(c.tries, 1), cancel_no = c.cancel_no + p_still_there::int,
	    due_at = least(CASE WHEN c.nudged THEN c.heard_at END, clock_timestamp() + CASE WHEN c.tries = 0 THEN interval '0'
		ELSE make_interval(secs => least(60, 0.5 * 2 ^ least(c.tries - 1, 10)) * (0.75 + random() / 2)) END)
	WHERE c.payment_id = p_payment;
END
$$;
