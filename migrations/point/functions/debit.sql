-- point.debit(user, amount, operation, reference): for schema payment: takes `amount` points, as a DEDUCT entry.
--   OK                    {balance}: what is left
--   INSUFFICIENT_POINTS   {balance}: nothing moved
-- An operation takes points once. A repetition answers OK with the first balance and takes nothing.
--
-- Locks the user, then the wallet.
CREATE OR REPLACE FUNCTION point.debit(p_user uuid, p_amount bigint, p_operation uuid, p_reference uuid)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_wallet	point.wallets;
	v_entry		point.entries;
BEGIN
	PERFORM platform.lock_user(p_user);
	SELECT w.* INTO v_wallet FROM point.wallets w WHERE w.user_id = p_user FOR UPDATE;
	IF coalesce(v_wallet.balance, 0) >= p_amount THEN
		v_entry := point.append(v_wallet, 'DEDUCT', p_amount, p_operation, p_reference);
	ELSE
		-- The balance is too small now, but this operation may have taken its points before.
		SELECT e.* INTO v_entry FROM point.entries e
		WHERE e.operation_id = p_operation AND e.type = 'DEDUCT' AND e.user_id = p_user AND e.amount = p_amount;
		IF NOT FOUND THEN
			RETURN platform.refuse('INSUFFICIENT_POINTS',
			    concat('{"balance":', coalesce(v_wallet.balance, 0), '}'));
		END IF;
	END IF;
	RETURN platform.ok(concat('{"balance":', v_entry.balance_after, '}'));
END
$$;
GRANT EXECUTE ON FUNCTION point.debit(uuid, bigint, uuid, uuid) TO payment_owner;
