-- point.move_wallets(): updates each wallet by the ledger entries that a statement has inserted. Each entry must
-- continue its wallet exactly (version, balance, hash). Otherwise it raises, and the statement inserts nothing. The
-- trigger entries_move_wallet of point.entries calls it.
CREATE OR REPLACE FUNCTION point.move_wallets() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
DECLARE
	v_entry		point.entries;
	v_made		bigint;
	v_wallets	bigint;
	v_moved		bigint := 0;
BEGIN
	SELECT count(*), count(DISTINCT m.user_id) INTO v_made, v_wallets FROM made m;
	IF v_wallets = v_made THEN
		UPDATE point.wallets w
		SET version = m.version, balance = m.balance_after, hash = m.hash, updated_at = m.created_at
		FROM made m
		WHERE w.user_id = m.user_id
		  -- The second condition makes every plan read only these wallets, by their key.
		  AND w.user_id = ANY (ARRAY(SELECT o.user_id FROM made o))
		  AND w.version = m.version - 1
		  AND w.hash = m.prev_hash
		  AND w.balance = m.balance_after - CASE m.type WHEN 'DEDUCT' THEN -m.amount ELSE m.amount END;
		GET DIAGNOSTICS v_moved = ROW_COUNT;
	ELSE
		-- Several entries of one wallet: each continues the entry before it.
		FOR v_entry IN SELECT m.* FROM made m ORDER BY m.user_id, m.version LOOP
			UPDATE point.wallets w
			SET version = v_entry.version, balance = v_entry.balance_after, hash = v_entry.hash, updated_at = v_entry.created_at
			WHERE w.user_id = v_entry.user_id
			  AND w.version = v_entry.version - 1
			  AND w.hash = v_entry.prev_hash
			  AND w.balance = v_entry.balance_after - CASE v_entry.type WHEN 'DEDUCT' THEN -v_entry.amount ELSE v_entry.amount END;
			EXIT WHEN NOT FOUND;
			v_moved := v_moved + 1;
		END LOOP;
	END IF;
	IF v_moved <> v_made THEN
		RAISE EXCEPTION 'not all of % ledger entries continue their wallets', v_made
			USING ERRCODE = 'integrity_constraint_violation';
	END IF;
	RETURN NULL;
END
$$;
