-- point.heard_users(payment_key): for schema payment: the users of the charges for which point.heard_of would make a
-- look-up due. An empty array if there are none, or a look-up of each is promised already. At most 20 charges: CHARGING
-- before FAILED ones, of each those that no webhook has named for the longest time.
CREATE OR REPLACE FUNCTION point.heard_users(p_payment_key text) RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN ARRAY(
		SELECT c.user_id FROM point.charges c
		WHERE c.payment_key = p_payment_key AND c.status <> 'CHARGED' AND (c.nudged AND c.heard_at > clock_timestamp()) IS NOT TRUE
		ORDER BY c.status = 'FAILED', c.heard_at NULLS FIRST LIMIT 20);
END
$$;
GRANT EXECUTE ON FUNCTION point.heard_users(text) TO payment_owner;
