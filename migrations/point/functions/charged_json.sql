-- point.charged_json(charge, entry): the answer to a charge that succeeded, with its ledger entry. No value needs
-- escaping.
CREATE OR REPLACE FUNCTION point.charged_json(p_charge uuid, p_entry point.entries) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = ''
AS $$
BEGIN
	RETURN '{"chargeId":"' || p_charge
	    || '","status":"CHARGED","amount":' || p_entry.amount
	    || ',"balance":' || p_entry.balance_after
	    || ',"history":' || point.entry_json(p_entry)::text
	    || ',"message":"The points were charged."}';
END
$$;
