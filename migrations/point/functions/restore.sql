-- point.restore(user, amount, operation, reference): for schema payment: gives `amount` points back, as a ROLLBACK
-- entry. OK {balance}. An operation gives points back once: a repetition answers OK and gives nothing. The limit of a
-- wallet is for charges only and does not apply here.
--
-- Raises unless this operation took at least as much from this user before.
--
-- Locks the user, then the wallet.
CREATE OR REPLACE FUNCTION point.restore(p_user uuid, p_amount bigint, p_operation uuid, p_reference uuid)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_wallet	point.wallets;
	v_entry		point.entries;
BEGIN
	PERFORM platform.lock_user(p_user);
	v_wallet := point.lock_wallet(p_user);
	IF NOT EXISTS (
		SELECT FROM point.entries e
		WHERE e.operation_id = p_operation AND e.type = 'DEDUCT' AND e.user_id = p_user AND e.amount >= p_amount) THEN
		RAISE EXCEPTION 'operation % did not take % points from %', p_operation, p_amount, p_user
			USING ERRCODE = 'integrity_constraint_violation';
	END IF;
	v_entry := point.append(v_wallet, 'ROLLBACK', p_amount, p_operation, p_reference);
	RETURN platform.ok(concat('{"balance":', v_entry.balance_after, '}'));
END
$$;
GRANT EXECUTE ON FUNCTION point.restore(uuid, bigint, uuid, uuid) TO payment_owner;
