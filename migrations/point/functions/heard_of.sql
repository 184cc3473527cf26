-- point.heard_of(payment_key, users): for payment, which receives the provider's webhooks: there may be news of the charges
-- with this payment key. Those of `users` that can still change are looked up: now, or ten seconds after the last look-up
-- that a webhook caused (as payment.hear_card). A FAILED charge may have been captured after all. A CHARGED one stays:
-- credited points are not taken back (docs/operations.md). `users` is what point.heard_users said, and the caller has
-- locked these users: to ask again may name others.
CREATE OR REPLACE FUNCTION point.heard_of(p_payment_key text, p_users uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
BEGIN
	UPDATE point.charges c
	SET nudged = true, heard_at = greatest(v_now, c.heard_at + interval '10 s'),
	    due_at = least(c.due_at, greatest(v_now, c.heard_at + interval '10 s')),
	    asked_at = CASE WHEN c.due_at IS NULL THEN v_now ELSE c.asked_at END
	WHERE c.payment_key = p_payment_key AND c.user_id = ANY (p_users)
	  AND c.status <> 'CHARGED' AND (c.nudged AND c.heard_at > v_now) IS NOT TRUE;
END
$$;
GRANT EXECUTE ON FUNCTION point.heard_of(text, uuid[]) TO payment_owner;

-- As the payment.heard_of of the release before calls it, until payment's functions are applied. Dropped in the next release.
CREATE OR REPLACE FUNCTION point.heard_of(p_payment_key text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM point.heard_of(p_payment_key, point.heard_users(p_payment_key));
END
$$;
GRANT EXECUTE ON FUNCTION point.heard_of(text) TO payment_owner;
