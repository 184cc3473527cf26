-- point.entry_json(entry): a ledger entry as the contract's History.
CREATE OR REPLACE FUNCTION point.entry_json(p_entry point.entries) RETURNS json
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = ''
AS $$
DECLARE
	v_json	json;
BEGIN
	SELECT row_to_json(r) INTO STRICT v_json FROM (
		SELECT p_entry.entry_id AS "historyId",
		       p_entry.type AS "type",
		       p_entry.amount AS "amount",
		       p_entry.balance_after AS "balanceAfter",
		       p_entry.reference_id AS "referenceId",
		       platform.rfc3339(p_entry.created_at) AS "createdAt") r;
	RETURN v_json;
END
$$;
