-- point.append(wallet, type, amount, operation, reference): moves points and returns the ledger entry. This function
-- and point.append_many are the only ones that move points. `type` is CHARGE, DEDUCT or ROLLBACK. The caller has locked
-- the wallet's row and read it in this transaction.
--
-- If the operation has an entry of this type already, nothing moves, and the first entry is returned. Raises if the
-- entry is impossible: a balance below zero, or an operation that moved another amount or another user's points. Such a
-- transaction must not commit.
CREATE OR REPLACE FUNCTION point.append(
	p_wallet	point.wallets,
	p_type		text,
	p_amount	bigint,
	p_operation	uuid,
	p_reference	uuid)
RETURNS point.entries
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_entry	point.entries;
BEGIN
	v_entry.user_id := p_wallet.user_id;
	v_entry.version := p_wallet.version + 1;
	v_entry.entry_id := platform.uuid_v7();
	v_entry.type := p_type;
	v_entry.amount := p_amount;
	v_entry.balance_after := p_wallet.balance + CASE p_type WHEN 'DEDUCT' THEN -p_amount ELSE p_amount END;
	v_entry.operation_id := p_operation;
	v_entry.reference_id := p_reference;
	v_entry.prev_hash := p_wallet.hash;
	-- Never earlier than the entry before it, even if the clock is set back.
	v_entry.created_at := greatest(clock_timestamp(), p_wallet.updated_at);
	v_entry.hash := point.entry_hash(v_entry);

	-- The trigger entries_move_wallet updates the wallet.
	INSERT INTO point.entries (user_id, version, entry_id, type, amount, balance_after,
		operation_id, reference_id, prev_hash, hash, created_at)
	VALUES (v_entry.user_id, v_entry.version, v_entry.entry_id, v_entry.type, v_entry.amount, v_entry.balance_after,
		v_entry.operation_id, v_entry.reference_id, v_entry.prev_hash, v_entry.hash, v_entry.created_at)
	ON CONFLICT (operation_id, type) DO NOTHING;
	IF FOUND THEN
		RETURN v_entry;
	END IF;

	SELECT e.* INTO STRICT v_entry FROM point.entries e
	WHERE e.operation_id = p_operation AND e.type = p_type;
	IF (v_entry.user_id, v_entry.amount) IS DISTINCT FROM (p_wallet.user_id, p_amount) THEN
		RAISE EXCEPTION 'operation % has moved another amount or another user''s points', p_operation
			USING ERRCODE = 'unique_violation';
	END IF;
	RETURN v_entry;
END
$$;
