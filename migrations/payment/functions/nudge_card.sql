-- payment.nudge_card(payment): somebody has a reason to believe that there is news:
-- whatever of a card payment may still change is due now. Nobody is believed
-- anything: the resolver asks the provider.
CREATE OR REPLACE FUNCTION payment.nudge_card(p_payment uuid) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	UPDATE payment.cards c SET due_at = clock_timestamp()
	FROM payment.payments p
	WHERE c.payment_id = p_payment AND p.payment_id = c.payment_id
	  AND (p.status = 'FAILED' OR c.due_at > clock_timestamp());
END
$$;
