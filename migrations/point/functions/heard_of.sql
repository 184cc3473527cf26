-- point.heard_of(payment_key): for payment, which receives the provider's webhooks: there may be news of the charges with
-- this payment key. Those that can still change are looked up: now, or ten seconds after the last look-up that a
-- webhook caused (as payment.hear_card). A FAILED charge may have been captured after all. A CHARGED one stays: credited
-- points are not taken back (docs/operations.md). At most those of 20 users: see point.heard_users.
-- The caller has locked these users.
CREATE OR REPLACE FUNCTION point.heard_of(p_payment_key text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
	v_users	uuid[] := point.heard_users(p_payment_key);
BEGIN
	UPDATE point.charges c
	SET nudged = true, heard_at = greatest(v_now, c.heard_at + interval '10 s'),
	    due_at = least(c.due_at, greatest(v_now, c.heard_at + interval '10 s')),
	    asked_at = CASE WHEN c.due_at IS NULL THEN v_now ELSE c.asked_at END
	WHERE c.payment_key = p_payment_key AND c.user_id = ANY (v_users)
	  AND c.status <> 'CHARGED' AND (c.nudged AND c.heard_at > v_now) IS NOT TRUE;
END
$$;
GRANT EXECUTE ON FUNCTION point.heard_of(text) TO payment_owner;
