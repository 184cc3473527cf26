-- point.emit_made(): the event of each ledger entry that a statement has inserted (docs/events.md): PointCharged,
-- PointDeducted or PointRolledBack. The trigger entry_made of point.entries calls it, with the wallets locked.
CREATE OR REPLACE FUNCTION point.emit_made() RETURNS trigger
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
