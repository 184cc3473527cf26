-- platform.idempotency_kept(users, operation, keys): for each request (one element of each array) true if an answer is
-- stored under its key. The caller has locked the users. It passes requests with a stored answer to the function for
-- one request, which replays the answer.
CREATE OR REPLACE FUNCTION platform.idempotency_kept(p_users uuid[], p_operation text, p_keys text[]) RETURNS boolean[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN ARRAY(
		-- One look-up by the whole key for each request, so that every plan reads only these rows.
		SELECT (SELECT true FROM platform.idempotency i
		    WHERE i.user_id = a.user_id AND i.operation = p_operation AND i.key = a.key) IS TRUE
		FROM unnest(p_users, p_keys) WITH ORDINALITY a (user_id, key, n) ORDER BY a.n);
END
$$;
GRANT EXECUTE ON FUNCTION platform.idempotency_kept(uuid[], text, text[]) TO reservation_owner, payment_owner, point_owner;
