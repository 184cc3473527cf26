-- point.charged_json(charge, entry): the answer to a charge that went through, with
-- its ledger entry.
CREATE OR REPLACE FUNCTION point.charged_json(p_charge uuid, p_entry point.entries) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = ''
AS $$
BEGIN
	RETURN (SELECT row_to_json(r) FROM (
		SELECT p_charge AS "chargeId",
		       'CHARGED' AS "status",
		       p_entry.amount AS "amount",
		       p_entry.balance_after AS "balance",
		       point.entry_json(p_entry) AS "history",
		       'The points were charged.' AS "message") r);
END
$$;
