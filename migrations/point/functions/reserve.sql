-- point.reserve(user, amount): for schema payment: does the wallet hold `amount`? Moves nothing.
--   OK                    {balance}: yes. The wallet is locked, so a debit of this amount later in the transaction
--                         cannot be refused
--   INSUFFICIENT_POINTS   {balance}: no
--
-- Locks the wallet. The caller has locked the user.
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
