-- point.reserve(user, amount): for payment. OK {balance} if the wallet holds
-- `amount`; it is then locked, so that a debit of that much later in this
-- transaction cannot be refused. INSUFFICIENT_POINTS {balance} otherwise. Moves
-- nothing.
CREATE OR REPLACE FUNCTION point.reserve(p_user uuid, p_amount bigint)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_balance	bigint;
BEGIN
	SELECT w.balance INTO v_balance FROM point.wallets w WHERE w.user_id = p_user FOR UPDATE;
	v_balance := coalesce(v_balance, 0);
	IF v_balance < p_amount THEN
		RETURN platform.refuse('INSUFFICIENT_POINTS', concat('{"balance":', v_balance, '}'));
	END IF;
	RETURN platform.ok(concat('{"balance":', v_balance, '}'));
END
$$;
GRANT EXECUTE ON FUNCTION point.reserve(uuid, bigint) TO payment_owner;
