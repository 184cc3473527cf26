-- point.heard_of(payment_key): for payment, which the provider's webhooks come to:
-- there may be news of the charge with this payment key, if there is one. Whatever of
-- it may still change is due now, or, if somebody is looking at it already, once
-- more afterwards. Of a FAILED charge it may turn out that it was captured after all.
CREATE OR REPLACE FUNCTION point.heard_of(p_payment_key text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	UPDATE point.charges c
	SET due_at = least(c.due_at, clock_timestamp()), nudged = true,
	    asked_at = CASE WHEN c.due_at IS NULL THEN clock_timestamp() ELSE c.asked_at END
	WHERE c.payment_key = p_payment_key AND c.status <> 'CHARGED';
END
$$;
GRANT EXECUTE ON FUNCTION point.heard_of(text) TO payment_owner;
