-- point.charging_json(charge): the answer about a charge whose outcome is unknown.
CREATE OR REPLACE FUNCTION point.charging_json(p_charge point.charges) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = ''
AS $$
BEGIN
	RETURN (SELECT row_to_json(r) FROM (
		SELECT p_charge.charge_id AS "chargeId",
		       'CHARGING' AS "status",
		       p_charge.amount AS "amount",
		       (SELECT w.balance FROM point.wallets w WHERE w.user_id = p_charge.user_id) AS "balance",
		       'The card provider has not said yet.' AS "message") r);
END
$$;
