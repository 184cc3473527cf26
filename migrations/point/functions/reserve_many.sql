-- point.reserve_many(users, amounts): for schema payment: point.reserve for many users. Each array has one element for
-- each request. Returns true for each user whose wallet holds the amount. Moves nothing. The caller has locked the
-- users and names each once.
--
-- Locks the wallets, in the order of the users' ids, so point.debit_many later in the transaction cannot fail.
CREATE OR REPLACE FUNCTION point.reserve_many(p_users uuid[], p_amounts bigint[]) RETURNS boolean[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN ARRAY(
		WITH locked AS MATERIALIZED (
			SELECT w.user_id, w.balance FROM point.wallets w WHERE w.user_id = ANY (p_users)
			ORDER BY w.user_id FOR UPDATE)
		SELECT coalesce(l.balance >= a.amount, false)
		FROM unnest(p_users, p_amounts) WITH ORDINALITY a (user_id, amount, n)
		LEFT JOIN locked l ON l.user_id = a.user_id
		ORDER BY a.n);
END
$$;
GRANT EXECUTE ON FUNCTION point.reserve_many(uuid[], bigint[]) TO payment_owner;
