-- What follows a ledger entry is done once a statement, for all entries that the statement makes: entries_move_wallet
-- and entry_made. A statement may still make one entry only, as the functions of the release before do.
--
-- One statement makes at most one entry of a wallet: with two, one of them does not continue the wallet as it stands,
-- and all of it is refused. Locks nothing but point.entries, so no lock is waited for with another in hand.

BEGIN;

SET LOCAL ROLE point_owner;

CREATE FUNCTION point.move_wallets() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
	v_moved	bigint;
	v_made	bigint;
BEGIN
	UPDATE point.wallets w
	   SET version = m.version, balance = m.balance_after, hash = m.hash, updated_at = m.created_at
	  FROM made m
	 WHERE w.user_id = m.user_id
	   -- Named twice: also a plan made while there were few wallets reads only these by their key.
	   AND w.user_id = ANY (ARRAY(SELECT o.user_id FROM made o))
	   AND w.version = m.version - 1
	   AND w.hash = m.prev_hash
	   AND w.balance = m.balance_after - CASE m.type WHEN 'DEDUCT' THEN -m.amount ELSE m.amount END;
	GET DIAGNOSTICS v_moved = ROW_COUNT;
	SELECT count(*) INTO v_made FROM made;
	IF v_moved <> v_made THEN
		RAISE EXCEPTION 'of % ledger entries, % do not continue their wallets', v_made, v_made - v_moved
			USING ERRCODE = 'integrity_constraint_violation';
	END IF;
	RETURN NULL;
END
$$;

-- As functions/emit_made.sql has it: events are written from this moment on.
CREATE FUNCTION point.emit_made() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	INSERT INTO platform.outbox (type, key, data)
	SELECT CASE m.type WHEN 'CHARGE' THEN 'PointCharged' WHEN 'DEDUCT' THEN 'PointDeducted' ELSE 'PointRolledBack' END,
	       m.user_id,
	       json_build_object('historyId', m.entry_id, 'userId', m.user_id, 'type', m.type, 'amount', m.amount,
		'balanceAfter', m.balance_after, 'referenceId', m.reference_id)
	FROM made m;
	RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION point.move_wallets(), point.emit_made() FROM PUBLIC;

DROP TRIGGER entries_move_wallet ON point.entries;
CREATE TRIGGER entries_move_wallet AFTER INSERT ON point.entries
	REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION point.move_wallets();
ALTER TABLE point.entries ENABLE ALWAYS TRIGGER entries_move_wallet;

DROP TRIGGER entry_made ON point.entries;
CREATE TRIGGER entry_made AFTER INSERT ON point.entries
	REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION point.emit_made();

COMMIT;
