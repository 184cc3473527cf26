-- point.entry_json(entry): a ledger entry as the contract's History.
--
-- No SET clause and not SECURITY DEFINER, so that PostgreSQL can inline it. No value needs escaping.
CREATE OR REPLACE FUNCTION point.entry_json(p_entry point.entries) RETURNS json
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	SELECT ('{"historyId":"' || (p_entry).entry_id
	    || '","type":"' || (p_entry).type
	    || '","amount":' || (p_entry).amount
	    || ',"balanceAfter":' || (p_entry).balance_after
	    || ',"referenceId":"' || (p_entry).reference_id
	    || '","createdAt":"' || platform.rfc3339((p_entry).created_at) || '"}')::json
$$;
