-- payment.pay_by_points_many(users, reservations, ..., request_ids): payment.pay_by_points for many requests in one
-- transaction. Each array has one element for each request, as text. In the result, `n` is the number of the request,
-- from 1. The result is the same as that of single calls in the order of the arrays.
--
-- Usual requests are done as a set, with one statement each for the debits, the confirmations, the payments and the
-- stored answers. Other requests go through payment.pay_by_points afterwards, one by one: a stored answer, an open card
-- payment of the user, too few points, a reservation that cannot be paid, several requests of one user or for one
-- reservation.
--
-- Locks the users, in the order of their ids, then the wallets, the reservations, and their seats. No deadlock follows
-- from that order, because every transaction that locks one of these has locked its user before. All refusals come
-- before anything moves, as in payment.take_points. Raises if a live hold has lost a seat, which is a bug. Then
-- everything is rolled back, and the caller sends each request alone.
CREATE OR REPLACE FUNCTION payment.pay_by_points_many(
	p_users			text[],
	p_reservations		text[],
	p_amounts		text[],
	p_idempotency_keys	text[],
	p_request_hashes	text[],
	p_max_attempts		text[],
	p_request_ids		text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
#variable_conflict use_column
DECLARE
	v_all_users	uuid[] := p_users::uuid[];
	v_now		timestamptz;
	v_ns		bigint[];	-- the numbers of the usual requests. For each of them:
	v_users		uuid[];		-- the user
	v_reservations	uuid[];
	v_amounts	bigint[];
	v_keys		text[];
	v_kept		boolean[];	-- an answer is stored under the key
	v_held		boolean[];	-- the wallet holds the amount
	v_payments	uuid[];		-- the id of the new payment
	v_bodies	text[];		-- the answer
	v_confirmed	uuid[];
BEGIN
	PERFORM platform.lock_users(v_all_users);

	-- A statement after the locks, so that it sees what other transactions committed during the wait.
	SELECT array_agg(r.n), array_agg(r.user_id), array_agg(r.reservation_id), array_agg(r.amount), array_agg(r.key)
	INTO v_ns, v_users, v_reservations, v_amounts, v_keys
	FROM (
		SELECT a.n, a.user_id, a.reservation_id, a.amount, a.key, count(*) OVER (PARTITION BY a.user_id) AS of_user,
		       count(*) OVER (PARTITION BY a.reservation_id) AS of_reservation
		FROM unnest(v_all_users, p_reservations::uuid[], p_amounts::bigint[], p_idempotency_keys) WITH ORDINALITY
		    a (user_id, reservation_id, amount, key, n)) r
	-- An open payment of the reservation needs no further check: if it is PENDING, it belongs to this user; otherwise
	-- the reservation is not a HOLD.
	WHERE r.of_user = 1 AND r.of_reservation = 1 AND r.key IS NOT NULL AND r.amount >= 1
	  AND (SELECT true FROM payment.payments p WHERE uuid_hash_extended(p.user_id, 0) = uuid_hash_extended(r.user_id, 0)
	      AND (p.user_id = r.user_id) IS TRUE AND (p.status = 'PENDING') IS TRUE LIMIT 1) IS NULL;

	IF v_ns IS NOT NULL THEN
		v_kept := platform.idempotency_kept(v_users, 'payments.pay', v_keys);
		v_held := point.reserve_many(v_users, v_amounts);
		SELECT array_agg(a.n), array_agg(a.user_id), array_agg(a.reservation_id), array_agg(a.amount), array_agg(platform.uuid_v7())
		INTO v_ns, v_users, v_reservations, v_amounts, v_payments
		FROM unnest(v_ns, v_users, v_reservations, v_amounts, v_kept, v_held) a (n, user_id, reservation_id, amount, kept, held)
		WHERE NOT a.kept AND a.held;
	END IF;
	IF v_ns IS NOT NULL THEN
		v_confirmed := reservation.confirm_many(v_users, v_reservations, v_amounts, v_payments);
		IF cardinality(v_confirmed) < cardinality(v_ns) THEN
			SELECT array_agg(a.n), array_agg(a.user_id), array_agg(a.reservation_id), array_agg(a.amount), array_agg(a.payment_id)
			INTO v_ns, v_users, v_reservations, v_amounts, v_payments
			FROM unnest(v_ns, v_users, v_reservations, v_amounts, v_payments) a (n, user_id, reservation_id, amount, payment_id)
			WHERE a.reservation_id = ANY (v_confirmed);
		END IF;
	END IF;

	IF v_ns IS NOT NULL THEN
		PERFORM point.debit_many(v_users, v_amounts, v_payments);
		v_now := clock_timestamp();
		WITH made AS (
			INSERT INTO payment.payments AS p (payment_id, reservation_id, user_id, method, amount, status, approved_at, created_at)
			SELECT a.payment_id, a.reservation_id, a.user_id, 'POINT', a.amount, 'APPROVED', v_now, v_now
			FROM unnest(v_users, v_reservations, v_amounts, v_payments) a (user_id, reservation_id, amount, payment_id)
			RETURNING p AS payment)
		SELECT array_agg(a.n), array_agg(a.user_id), array_agg(payment.payment_json(m.payment, 'CONFIRMED')::text)
		INTO v_ns, v_users, v_bodies
		FROM made m JOIN unnest(v_ns, v_users, v_payments) a (n, user_id, payment_id) ON a.payment_id = (m.payment).payment_id;

		PERFORM platform.idempotency_created(v_users, 'payments.pay',
		    ARRAY(SELECT p_idempotency_keys[a] FROM unnest(v_ns) a), ARRAY(SELECT p_request_hashes[a] FROM unnest(v_ns) a),
		    v_bodies, ARRAY(SELECT p_request_ids[a] FROM unnest(v_ns) a));
		RETURN QUERY
		SELECT a.n, 'CREATED', a.body, NULL::text, false, p_request_ids[a.n] FROM unnest(v_ns, v_bodies) a (n, body);
	END IF;

	IF cardinality(v_ns) < cardinality(p_users) OR v_ns IS NULL THEN
		RETURN QUERY
		SELECT a.n, c.* FROM unnest(p_users, p_reservations, p_amounts, p_idempotency_keys, p_request_hashes, p_max_attempts,
		    p_request_ids) WITH ORDINALITY a (user_id, reservation_id, amount, key, request_hash, max_attempts, request_id, n),
		LATERAL payment.pay_by_points(a.user_id::uuid, a.reservation_id::uuid, a.amount::bigint, a.key, a.request_hash,
		    a.max_attempts::int, a.request_id) c
		WHERE (a.n = ANY (v_ns)) IS NOT TRUE;
	END IF;
END
$$;
GRANT EXECUTE ON FUNCTION payment.pay_by_points_many(text[], text[], text[], text[], text[], text[], text[]) TO payment_service;
