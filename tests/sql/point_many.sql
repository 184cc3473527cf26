-- Many charges at once (point.charge_many). Each gets the answer of point.charge and writes the same rows. So each
-- batch runs twice, one by one and as a set, and the test compares both.
BEGIN;
SELECT plan(35);

CREATE FUNCTION pg_temp.person(p_n int) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$ SELECT format('00000000-0000-7000-8000-%s', lpad(p_n::text, 12, '0'))::uuid $$;
-- Ids and times differ between two runs, so the comparison replaces them.
CREATE FUNCTION pg_temp.plain(p_text text) RETURNS text
LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(p_text, '"(chargeId|historyId|referenceId)" ?: ?"[^"]{36}"', '"\1":"id"', 'g'),
	    '"[^"]{10}T[^"]{12}Z"', '"time"', 'g')
$$;

CREATE TEMP TABLE asked (n int PRIMARY KEY, who uuid, amount text, key text, hash text DEFAULT 'h');
CREATE FUNCTION pg_temp.ask(p_how text) RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text)
LANGUAGE plpgsql AS $$
BEGIN
	IF p_how = 'one by one' THEN
		RETURN QUERY SELECT a.n::bigint, c.* FROM (SELECT * FROM asked o ORDER BY o.n) a,
		    LATERAL point.charge(a.who, a.amount::bigint, a.key, a.hash, 'request ' || a.n) c;
	ELSE
		RETURN QUERY SELECT c.* FROM (SELECT array_agg(o.who::text ORDER BY o.n) AS who, array_agg(o.amount ORDER BY o.n) AS amount,
		    array_agg(o.key ORDER BY o.n) AS key, array_agg(o.hash ORDER BY o.n) AS hash, array_agg('request ' || o.n ORDER BY o.n) AS request
		    FROM asked o) a, LATERAL point.charge_many(a.who, a.amount, a.key, a.hash, a.request) c;
	END IF;
END
$$;
-- All rows of these users as one text.
CREATE FUNCTION pg_temp.rows() RETURNS text
LANGUAGE sql AS $$
	SELECT concat_ws(E'\n',
	    (SELECT string_agg(format('wallet %s %s %s %s %s', w.user_id, w.balance, w.version, w.status,
		w.hash = (SELECT e.hash FROM point.entries e WHERE e.user_id = w.user_id AND e.version = w.version)), E'\n' ORDER BY w.user_id)
	     FROM point.wallets w WHERE w.user_id < pg_temp.person(1000)),
	    (SELECT string_agg(format('entry %s %s %s %s %s %s %s', e.user_id, e.version, e.type, e.amount, e.balance_after,
		e.operation_id = e.reference_id, e.hash = point.entry_hash(e)), E'\n' ORDER BY e.user_id, e.version)
	     FROM point.entries e WHERE e.user_id < pg_temp.person(1000)),
	    (SELECT string_agg(format('kept %s %s %s %s %s %s %s %s', i.user_id, i.operation, i.key, i.request_hash, i.outcome,
		pg_temp.plain(i.body), i.request_id, i.refused), E'\n' ORDER BY i.user_id, i.key)
	     FROM platform.idempotency i WHERE i.user_id < pg_temp.person(1000)),
	    (SELECT string_agg(format('event %s %s %s', o.type, o.key, pg_temp.plain(o.data::text)), E'\n' ORDER BY o.key, o.event_id)
	     FROM platform.outbox o WHERE o.key < pg_temp.person(1000)))
$$;
-- Runs the batch in one way and returns its answers and its rows; then rolls back.
CREATE FUNCTION pg_temp.told(p_how text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_told	text;
BEGIN
	SELECT string_agg(format('%s %s %s %s %s %s', a.n, a.outcome, pg_temp.plain(a.body), a.etag, a.replayed, a.request_id), E'\n' ORDER BY a.n)
	INTO v_told FROM pg_temp.ask(p_how) a;
	v_told := v_told || E'\n' || pg_temp.rows() || E'\n' ||
	    (SELECT coalesce(string_agg(DISTINCT name, ' '), 'nothing hurt') FROM point.invariants);
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN v_told;
WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
CREATE FUNCTION pg_temp.alike(p_name text) RETURNS text LANGUAGE sql AS $$
	SELECT is(pg_temp.told('set'), pg_temp.told('one by one'), p_name)
$$;
-- How often the statements of this call run point.charge: the number of unusual requests.
CREATE FUNCTION pg_temp.outcomes(p_how text DEFAULT 'set') RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(o.outcome || CASE WHEN o.replayed THEN ' again' ELSE '' END, ', ' ORDER BY o.n) FROM pg_temp.ask(p_how) o
$$;

-- 1 has a wallet; 2 a nearly full one; 3 a stored answer; 4 an open charge by card; 5 to 9 have nothing.
SELECT count(point.charge(pg_temp.person(1), 5000, 'before', 'h', 'r')) AS one,
    (SELECT count(point.charge(pg_temp.person(2), 1000000, 'full ' || k, 'h', 'r')) FROM generate_series(1, 9) k) AS nine,
    count(point.charge(pg_temp.person(2), 999001, 'full', 'h', 'r')) AS ten,
    count(point.charge(pg_temp.person(3), 7000, 'k', 'h', 'first')) AS three,
    count(point.begin_charge(pg_temp.person(4), 6000, 'card of 4', 'open', 'h', 60000, 'r')) AS four \gset made_

INSERT INTO asked VALUES (1, pg_temp.person(1), 1000, 'a'), (2, pg_temp.person(5), 2000, 'a'), (3, pg_temp.person(6), 1000000, 'a'), (4, pg_temp.person(7), 3000, 'b');
SELECT pg_temp.alike('usual_charges_in_a_batch_are_as_one_by_one');
INSERT INTO asked VALUES
	(5, pg_temp.person(2), 1000, 'over'),		-- too full by one
	(6, pg_temp.person(3), 7000, 'k'),		-- kept
	(7, pg_temp.person(4), 6000, 'open'),		-- a charge by card with this key is open
	(8, pg_temp.person(8), 999, 'a'),		-- out of range
	(9, pg_temp.person(9), 1000, 'a'),		-- the same user twice
	(10, pg_temp.person(9), 2000, 'b'),
	(11, pg_temp.person(10), 1000001, 'a'),
	(12, pg_temp.person(11), NULL, 'a'),
	(13, pg_temp.person(12), 1000, NULL);
SELECT pg_temp.alike('unusual_charges_in_a_batch_are_as_one_by_one');
SELECT is(pg_temp.outcomes(), 'CREATED, CREATED, CREATED, CREATED, POINT_LIMIT_EXCEEDED, CREATED again, IDEMPOTENCY_KEY_IN_USE, INVALID_REQUEST, '
    || 'CREATED, CREATED, INVALID_REQUEST, INVALID_REQUEST, CREATED', 'each_charge_in_a_batch_has_its_own_outcome');
SELECT is((SELECT count(*) FROM point.invariants), 0::bigint, 'batch_of_charges_violates_no_invariant');
SELECT is((SELECT string_agg(broken, ' ') FROM point.verify()), NULL, 'batch_of_charges_keeps_the_hash_chain');

-- The repeated batch gets only stored answers: nothing is charged twice.
DELETE FROM asked WHERE key IS NULL;
SELECT pg_temp.rows() AS rows \gset
SELECT is((SELECT string_agg(o.n::text, ' ' ORDER BY o.n) FROM pg_temp.ask('set') o WHERE o.replayed), '1 2 3 4 5 6 9 10', 'repeated_batch_gives_the_first_answers');
SELECT is(pg_temp.rows(), :'rows', 'repeated_batch_charges_nothing');
UPDATE asked SET hash = 'another';
SELECT is((SELECT string_agg(DISTINCT o.outcome, ' ' ORDER BY o.outcome) FROM pg_temp.ask('set') o), 'IDEMPOTENCY_KEY_REUSED INVALID_REQUEST',
    'key_of_another_request_is_refused_in_a_batch');
SELECT is(pg_temp.rows(), :'rows', 'refused_batch_charges_nothing');

-- Each guard alone, among usual requests.
CREATE FUNCTION pg_temp.among(p_who int, p_amount text, p_key text, p_hash text DEFAULT 'h') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	DELETE FROM asked;
	INSERT INTO asked VALUES (1, pg_temp.person(101), 1000, 'u' || clock_timestamp(), 'h'),
	    (2, pg_temp.person(p_who), p_amount, p_key, p_hash), (3, pg_temp.person(102), 1000, 'u' || clock_timestamp(), 'h');
	RETURN pg_temp.outcomes();
EXCEPTION WHEN OTHERS THEN
	RETURN SQLERRM;
END
$$;
SELECT is(pg_temp.among(3, '7000', 'k'), 'CREATED, CREATED again, CREATED', 'kept_charge_among_others_is_replayed');
SELECT is(pg_temp.among(3, '7001', 'k', 'h2'), 'CREATED, IDEMPOTENCY_KEY_REUSED, CREATED', 'reused_key_among_others_is_refused');
SELECT is(pg_temp.among(2, '1000', 'over 2'), 'CREATED, POINT_LIMIT_EXCEEDED, CREATED', 'charge_over_the_limit_among_others_is_refused');
SELECT is(pg_temp.among(2, '999', 'x'), 'CREATED, INVALID_REQUEST, CREATED', 'charge_of_999_among_others_is_refused');
SELECT is(pg_temp.among(1, '1000001', 'x'), 'CREATED, INVALID_REQUEST, CREATED', 'charge_of_1000001_among_others_is_refused');
SELECT is(pg_temp.among(4, '6000', 'open'), 'CREATED, IDEMPOTENCY_KEY_IN_USE, CREATED', 'open_card_charge_among_others_keeps_its_key');
SELECT is(pg_temp.among(4, '6000', 'open', 'h2'), 'CREATED, IDEMPOTENCY_KEY_REUSED, CREATED', 'key_of_an_open_card_charge_among_others_is_refused');
SELECT is(pg_temp.among(4, '6000', 'other'), 'CREATED, CREATED, CREATED', 'charge_beside_an_open_card_charge_goes_through');
SELECT is((SELECT balance FROM point.wallets WHERE user_id = pg_temp.person(2)), 9999001::bigint, 'refused_charges_moved_nothing');

-- A whole batch for one wallet.
DELETE FROM asked;
INSERT INTO asked SELECT k, pg_temp.person(20), 1000 + k, 'k' || k FROM generate_series(1, 64) k;
SELECT pg_temp.alike('batch_of_one_hot_wallet_is_as_one_by_one');
SELECT is(pg_temp.outcomes(), array_to_string(array_fill('CREATED'::text, ARRAY[64]), ', '), 'each_charge_of_a_hot_wallet_counts');
-- One of several requests of a user is unusual: all of them keep their order.
DELETE FROM asked;
INSERT INTO asked VALUES (1, pg_temp.person(22), 1000, 'k1'), (2, pg_temp.person(23), 1000, 'k1'), (3, pg_temp.person(22), 2000, 'k2'),
    (4, pg_temp.person(22), 2000, 'k2'), (5, pg_temp.person(22), 3000, 'k3'), (6, pg_temp.person(23), 999, 'k2'), (7, pg_temp.person(23), 4000, 'k3'),
    (8, pg_temp.person(24), 5000, 'k1'), (9, pg_temp.person(24), 6000, 'k2'), (10, pg_temp.person(3), 7000, 'new'), (11, pg_temp.person(3), 7000, 'k');
SELECT pg_temp.alike('several_charges_of_a_user_are_as_one_by_one');
SELECT is(pg_temp.outcomes(), 'CREATED, CREATED, CREATED, CREATED again, CREATED, INVALID_REQUEST, CREATED, CREATED, CREATED, CREATED, CREATED again',
    'key_that_comes_twice_in_a_batch_is_replayed');
-- Two requests of one user; the first one fills the wallet.
DELETE FROM asked;
INSERT INTO asked VALUES (1, pg_temp.person(21), 1000, 'k1'), (2, pg_temp.person(2), 1000, 'last 1'), (3, pg_temp.person(2), 1000, 'last 2');
SELECT count(point.debit(pg_temp.person(2), 2000, gen_random_uuid(), gen_random_uuid())) AS room \gset
UPDATE asked SET amount = '2000' WHERE n = 2;
SELECT is(pg_temp.outcomes(), 'CREATED, CREATED, POINT_LIMIT_EXCEEDED', 'second_charge_of_a_user_sees_the_first');

SELECT is((SELECT count(*) FROM point.charge_many('{}', '{}', '{}', '{}', '{}')), 0::bigint, 'empty_batch_has_no_answer');
SELECT throws_ok($$SELECT point.charge_many('{x}', '{1000}', '{k}', '{h}', '{r}')$$, '22P02', NULL, 'batch_with_an_unreadable_request_fails_whole');

-- The trigger of the ledger accepts many entries in a statement, but only if each continues its wallet.
CREATE FUNCTION pg_temp.entries(p_who int[], p_ahead int[], p_wrong_by int[]) RETURNS void LANGUAGE sql AS $$
	INSERT INTO point.entries
	SELECT w.user_id, w.version + a.ahead, gen_random_uuid(), 'CHARGE', 1000, w.balance + 1000 + a.wrong_by, gen_random_uuid(),
	       gen_random_uuid(), w.hash, w.hash, now()
	FROM unnest(p_who, p_ahead, p_wrong_by) a (who, ahead, wrong_by) JOIN point.wallets w ON w.user_id = pg_temp.person(a.who)
$$;
SELECT lives_ok($$SELECT pg_temp.entries('{101,102}', '{1,1}', '{0,0}')$$, 'entries_that_continue_their_wallets_are_accepted');
SELECT is((SELECT string_agg(DISTINCT name, ' ') FROM point.invariants), NULL, 'each_entry_of_a_statement_moves_its_wallet');
SELECT lives_ok($$SELECT pg_temp.entries('{101,102,101}', '{1,1,2}', '{0,0,1000}')$$, 'two_entries_that_follow_each_other_in_a_statement_are_accepted');
SELECT is((SELECT string_agg(DISTINCT name, ' ') FROM point.invariants), NULL, 'last_of_two_entries_moves_its_wallet');
SELECT throws_ok($$SELECT pg_temp.entries('{101,102,101}', '{1,1,2}', '{0,0,999}')$$, '23000', NULL, 'second_entry_of_a_wallet_with_a_wrong_balance_refuses_all');
SELECT throws_ok($$SELECT pg_temp.entries('{101,102,101}', '{1,1,3}', '{0,0,1000}')$$, '23000', NULL, 'gap_between_two_entries_of_a_wallet_refuses_all');
SELECT throws_ok($$SELECT pg_temp.entries('{101,101,102}', '{1,2,1}', '{0,1000,1}')$$, '23000', NULL, 'wrong_entry_of_another_wallet_refuses_all');
SELECT throws_ok($$SELECT pg_temp.entries('{101,102,1}', '{1,1,1}', '{0,0,1}')$$, '23000', NULL, 'one_wrong_entry_of_three_refuses_all');
SELECT throws_ok(format($$SELECT point.append_many(ARRAY[%L, %L]::uuid[], 'CHARGE', '{1000,1000}', ARRAY[gen_random_uuid(), gen_random_uuid()])$$,
    pg_temp.person(101), pg_temp.person(999)), '23000', NULL, 'entry_without_a_wallet_refuses_all');
SELECT throws_ok(format($$SELECT point.append_many(ARRAY[%L, %L]::uuid[], 'DEDUCT', '{1000,99999999}', ARRAY[gen_random_uuid(), gen_random_uuid()])$$,
    pg_temp.person(101), pg_temp.person(102)), '23514', NULL, 'balance_below_zero_refuses_all');

SELECT * FROM finish();
ROLLBACK;
