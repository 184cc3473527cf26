-- point.heard_of(payment_key, users): for schema payment, which receives the provider's webhooks: a webhook names this
-- payment key. Look-ups become due for the charges of `users` with this key that can still change: now, or 10 seconds
-- after the last look-up that a webhook caused (platform.card_heard_at). A FAILED charge is looked up too, because it
-- may have been captured after all. A CHARGED one is not: credited points are never taken back (docs/operations.md).
--
-- `users` is the answer of point.heard_users, and the caller has locked these users. A second call of point.heard_users
-- could name other users.
CREATE OR REPLACE FUNCTION point.heard_of(p_payment_key text, p_users uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
BEGIN
	UPDATE point.charges c
	SET nudged = true, heard_at = platform.card_heard_at(v_now, c.heard_at),
	    due_at = least(c.due_at, platform.card_heard_at(v_now, c.heard_at)),
	    asked_at = CASE WHEN c.due_at IS NULL THEN v_now ELSE c.asked_at END
	WHERE c.payment_key = p_payment_key AND c.user_id = ANY (p_users)
	  AND c.status <> 'CHARGED' AND (c.nudged AND c.heard_at > v_now) IS NOT TRUE;
END
$$;
GRANT EXECUTE ON FUNCTION point.heard_of(text, uuid[]) TO payment_owner;

-- The signature that payment.heard_of of the release before calls. Dropped in the next release.
CREATE OR REPLACE FUNCTION point.heard_of(p_payment_key text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM point.heard_of(p_payment_key, point.heard_users(p_payment_key));
END
$$;
GRANT EXECUTE ON FUNCTION point.heard_of(text) TO payment_owner;
