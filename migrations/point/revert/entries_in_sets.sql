-- The functions that make several entries in one statement still work: the triggers below run once for each entry.

BEGIN;

-- In a new database the functions of this release have left it empty (deploy/events.sql).
CREATE OR REPLACE FUNCTION point.emit() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	INSERT INTO platform.outbox (type, key, data)
	VALUES (
	    CASE NEW.type WHEN 'CHARGE' THEN 'PointCharged' WHEN 'DEDUCT' THEN 'PointDeducted' ELSE 'PointRolledBack' END,
	    NEW.user_id,
	    json_build_object('historyId', NEW.entry_id, 'userId', NEW.user_id, 'type', NEW.type, 'amount', NEW.amount,
		'balanceAfter', NEW.balance_after, 'referenceId', NEW.reference_id));
	RETURN NULL;
END
$$;

DROP FUNCTION point.move_wallets(), point.emit_made() CASCADE;
CREATE TRIGGER entries_move_wallet AFTER INSERT ON point.entries
	FOR EACH ROW EXECUTE FUNCTION point.move_wallet();
ALTER TABLE point.entries ENABLE ALWAYS TRIGGER entries_move_wallet;
CREATE TRIGGER entry_made AFTER INSERT ON point.entries
	FOR EACH ROW EXECUTE FUNCTION point.emit();

COMMIT;
