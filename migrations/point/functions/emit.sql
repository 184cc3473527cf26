-- point.emit(): the event of a ledger entry: PointCharged, PointDeducted,
-- PointRolledBack (docs/events.md). Called by the trigger of point.entries, with
-- the wallet locked.
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
