-- point.get_wallet(user): the user's wallet (GET /points). OK {balance, status, updatedAt}. A user without a wallet has
-- an empty one as of this moment; reading creates no row.
CREATE OR REPLACE FUNCTION point.get_wallet(p_user uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_body	text;
BEGIN
	SELECT row_to_json(r)::text INTO STRICT v_body FROM (
		SELECT coalesce(w.balance, 0) AS "balance",
		       coalesce(w.status, 'ACTIVE') AS "status",
		       platform.rfc3339(coalesce(w.updated_at, statement_timestamp())) AS "updatedAt"
		FROM (VALUES (p_user)) u (user_id) LEFT JOIN point.wallets w USING (user_id)) r;
	RETURN platform.ok(v_body);
END
$$;
GRANT EXECUTE ON FUNCTION point.get_wallet(uuid) TO point_service;
