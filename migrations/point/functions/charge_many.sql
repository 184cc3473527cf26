-- point.charge_many(users, amounts, idempotency_keys, request_hashes, request_ids): point.charge for many requests in
-- one transaction. Each array has one element for each request, as text. In the result, `n` is the number of the
-- request, from 1. The result is the same as that of single calls in the order of the arrays.
--
-- Usual requests are done as a set, with one statement for all, also several requests of one user. Unusual are a stored
-- answer, one key in two requests, an open charge by card, an amount out of range, and a wallet that would be too full.
-- If one request of a user is unusual, all requests of that user go through point.charge afterwards, one by one.
--
-- Locks the users, in the order of their ids, then the wallets. Raises if a locked wallet has moved, which is a bug.
-- Then everything is rolled back, and the caller sends each request alone.
CREATE OR REPLACE FUNCTION point.charge_many(
	p_users			text[],
	p_amounts		text[],
	p_idempotency_keys	text[],
	p_request_hashes	text[],
	p_request_ids		text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
#variable_conflict use_column
DECLARE
	v_all_users	uuid[] := p_users::uuid[];
	v_kept		boolean[];	-- of all requests: an answer is stored under the key
	v_ns		bigint[];	-- the numbers of the usual requests. For each of them:
	v_users		uuid[];		-- the user
	v_amounts	bigint[];
	v_of_users	bigint[];	-- the sum of all requests of the user
	v_charges	uuid[];		-- the id of the new charge
	v_bodies	text[];		-- the answer
BEGIN
	PERFORM platform.lock_users(v_all_users);

	-- A statement after the locks, so that it sees what other transactions committed during the wait.
	v_kept := platform.idempotency_kept(v_all_users, 'points.charge', p_idempotency_keys);
	SELECT array_agg(r.n), array_agg(r.user_id), array_agg(r.amount), array_agg(r.of_user::bigint)
	INTO v_ns, v_users, v_amounts, v_of_users
	FROM (
		SELECT l.n, l.user_id, l.amount, sum(l.amount) OVER u AS of_user,
		       -- All requests of a user or none, so that they keep their order.
		       bool_and(NOT l.kept AND l.same_key = 1 AND l.key IS NOT NULL AND (l.amount BETWEEN 1000 AND 1000000) IS TRUE) OVER u AS usual
		FROM (
			SELECT a.n, a.user_id, a.amount::bigint, a.key, a.kept, count(*) OVER (PARTITION BY a.user_id, a.key) AS same_key
			FROM unnest(v_all_users, p_amounts, p_idempotency_keys, v_kept) WITH ORDINALITY a (user_id, amount, key, kept, n)) l
		WINDOW u AS (PARTITION BY l.user_id)) r
	WHERE r.usual
	  AND (SELECT true FROM point.charges c WHERE c.user_id = r.user_id AND (c.status = 'CHARGING') IS TRUE LIMIT 1) IS NULL;

	IF v_ns IS NOT NULL THEN
		INSERT INTO point.wallets (user_id, updated_at)
		SELECT a.user_id, clock_timestamp() FROM (SELECT DISTINCT o.user_id FROM unnest(v_users) o (user_id)) a
		WHERE (SELECT true FROM point.wallets w WHERE w.user_id = a.user_id) IS NULL
		ON CONFLICT (user_id) DO NOTHING;

		SELECT array_agg(l.n ORDER BY l.n), array_agg(l.user_id ORDER BY l.n), array_agg(l.amount ORDER BY l.n),
		       array_agg(platform.uuid_v7() ORDER BY l.n)
		INTO v_ns, v_users, v_amounts, v_charges
		FROM (
			SELECT a.n, w.user_id, a.amount, w.balance, a.of_user
			FROM unnest(v_ns, v_users, v_amounts, v_of_users) a (n, user_id, amount, of_user)
			-- The second condition makes every plan read only these wallets, by their key.
			JOIN point.wallets w ON w.user_id = a.user_id AND w.user_id = ANY (v_users)
			ORDER BY w.user_id FOR UPDATE OF w) l
		WHERE l.balance + l.of_user <= 10000000;
	END IF;

	IF v_ns IS NOT NULL THEN
		SELECT array_agg(a.n), array_agg(e.user_id), array_agg(point.charged_json(e.operation_id, e)::text)
		INTO v_ns, v_users, v_bodies
		FROM unnest(v_ns, v_charges) a (n, charge)
		JOIN point.append_many(v_users, 'CHARGE', v_amounts, v_charges) e ON e.operation_id = a.charge;

		PERFORM platform.idempotency_created(v_users, 'points.charge',
		    ARRAY(SELECT p_idempotency_keys[a] FROM unnest(v_ns) a), ARRAY(SELECT p_request_hashes[a] FROM unnest(v_ns) a),
		    v_bodies, ARRAY(SELECT p_request_ids[a] FROM unnest(v_ns) a));
		RETURN QUERY
		SELECT a.n, 'CREATED', a.body, NULL::text, false, p_request_ids[a.n] FROM unnest(v_ns, v_bodies) a (n, body);
	END IF;

	IF cardinality(v_ns) < cardinality(p_users) OR v_ns IS NULL THEN
		RETURN QUERY
		SELECT a.n, c.* FROM unnest(p_users, p_amounts, p_idempotency_keys, p_request_hashes, p_request_ids) WITH ORDINALITY
		    a (user_id, amount, key, request_hash, request_id, n),
		LATERAL point.charge(a.user_id::uuid, a.amount::bigint, a.key, a.request_hash, a.request_id) c
		WHERE (a.n = ANY (v_ns)) IS NOT TRUE;
	END IF;
END
$$;
GRANT EXECUTE ON FUNCTION point.charge_many(text[], text[], text[], text[], text[]) TO point_service;
