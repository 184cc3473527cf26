-- The ledger's guards: nothing changes an entry, nothing but an entry moves a
-- wallet. And each guard's opposite: with the guard off the damage is done, and
-- point.invariants and point.verify find it and name it.
BEGIN;
SELECT plan(54);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'
\set pay '00000000-0000-7000-8000-000000000e01'

-- Four entries for ann: 1: +10000, 2: +5000, 3: -3000, 4: +3000; one for bob. Two wallets in all.
SELECT is((point.charge(:'ann', 10000, 'k1', 'h', 'r')).outcome, 'CREATED', 'ann charges 10000');
SELECT is((point.charge(:'ann', 5000, 'k2', 'h', 'r')).outcome, 'CREATED', 'and 5000');
SELECT is((point.debit(:'ann', 3000, :'pay', :'pay')).outcome, 'OK', 'pays 3000');
SELECT is((point.restore(:'ann', 3000, :'pay', :'pay')).outcome, 'OK', 'gets them back');
SELECT is((point.charge(:'bob', 7000, 'k1', 'h', 'r')).outcome, 'CREATED', 'bob charges 7000');

-- What verify says of one user or two, as "entries broken @version".
CREATE FUNCTION pg_temp.verdict(p_user uuid DEFAULT NULL, p_page int DEFAULT 10000) RETURNS text
LANGUAGE sql AS $$ SELECT coalesce(broken || ' @' || coalesce(broken_version::text, '-'), 'well')
    FROM point.verify(p_user, p_page) $$;
-- The names of the invariants that are hurt.
CREATE FUNCTION pg_temp.hurt() RETURNS text
LANGUAGE sql AS $$ SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') FROM point.invariants $$;

SELECT is(pg_temp.verdict(), 'well', 'the ledger verifies');
SELECT is(pg_temp.hurt(), 'none', 'and no invariant is hurt');
SELECT is(format('%s wallet, %s entries, %s', v.wallets, v.entries, v), '1 wallet, 4 entries, (1,4,,,,)', format('one wallet, in pages of %s', p))
FROM unnest(ARRAY[1, 2, 3, 4, 5]) p, LATERAL point.verify(:'ann', p) v;
SELECT cmp_ok(v.entries, '>=', 5::bigint, 'all wallets, in pages of 2') FROM point.verify(NULL, 2) v;

-- Nobody changes an entry: not a superuser, not the owner, not in replica mode.
SELECT throws_ok('UPDATE point.entries SET amount = 1', '23000', NULL, 'an entry cannot be updated');
SELECT throws_ok('UPDATE point.entries SET amount = 1 WHERE false', '23000', NULL, 'not even none of them');
SELECT throws_ok('DELETE FROM point.entries', '23000', NULL, 'nor deleted');
SELECT throws_ok('TRUNCATE point.entries', '23000', NULL, 'nor truncated');
SELECT throws_ok('DELETE FROM point.wallets', '23000', NULL, 'a wallet cannot be deleted');
SELECT throws_ok('TRUNCATE point.wallets CASCADE', '23000', NULL, 'nor truncated');
SET LOCAL session_replication_role = replica;
SELECT throws_ok('UPDATE point.entries SET amount = 1', '23000', NULL, 'nor is it in replica mode');
SELECT throws_ok('UPDATE point.wallets SET balance = 1', '23000', NULL, 'nor a wallet''s balance');
SET LOCAL session_replication_role = origin;
SET LOCAL ROLE point_owner;
SELECT throws_ok('UPDATE point.entries SET amount = 1', '42501', NULL, 'the owner has no right to update entries');
SELECT throws_ok('DELETE FROM point.entries', '42501', NULL, 'nor to delete them');
SELECT throws_ok('TRUNCATE point.entries', '42501', NULL, 'nor to truncate them');
SELECT throws_ok('DELETE FROM point.wallets', '42501', NULL, 'nor to delete wallets');
RESET ROLE;

-- Whoever tries, in whatever way: nobody is let through.
CREATE FUNCTION pg_temp.let_through() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_role		text;
	v_statement	text;
	v_through	text := '';
BEGIN
	FOR v_role, v_statement IN
		SELECT r.rolname, s FROM pg_roles r, unnest(ARRAY['UPDATE point.entries SET amount = 1', 'DELETE FROM point.entries',
		    'TRUNCATE point.entries', 'DELETE FROM point.wallets', 'TRUNCATE point.wallets CASCADE']) s
		WHERE r.rolname ~ '_(owner|service)$' OR r.rolsuper
	LOOP
		BEGIN
			EXECUTE format('SET LOCAL ROLE %I', v_role);
			EXECUTE v_statement;
			v_through := v_through || v_role || ': ' || v_statement || '; ';
		EXCEPTION WHEN insufficient_privilege OR integrity_constraint_violation THEN
			NULL;
		END;
		RESET ROLE;
	END LOOP;
	RETURN v_through;
END $$;
SELECT is(pg_temp.let_through(), '', 'of all owners, services and superusers none changes or removes an entry, or removes a wallet');

-- Nothing but an entry moves a wallet, and only the entry that comes next.
SELECT throws_ok('UPDATE point.wallets SET balance = balance + 1', '23000', NULL, 'a balance cannot be set');
SELECT throws_ok('UPDATE point.wallets SET version = version + 1', '23000', NULL, 'nor a version');
SELECT throws_ok($$INSERT INTO point.wallets (user_id, version, balance, updated_at) VALUES (gen_random_uuid(), 1, 5, now())$$,
    '23000', NULL, 'a wallet starts empty');
SELECT throws_ok($$INSERT INTO point.wallets (user_id, balance, updated_at) VALUES (gen_random_uuid(), 5, now())$$,
    '23514', NULL, 'in whatever way');
SELECT lives_ok(format($$UPDATE point.wallets SET status = 'CHARGING' WHERE user_id = %L$$, :'bob'), 'its status is not money');
UPDATE point.wallets SET status = 'ACTIVE' WHERE user_id = :'bob';

-- An entry that would follow ann's newest, with one thing made wrong at a time.
CREATE FUNCTION pg_temp.entry(p_change json) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	v_next	point.entries;
BEGIN
	SELECT w.user_id, w.version + 1, gen_random_uuid(), 'CHARGE', 1000, w.balance + 1000,
	       gen_random_uuid(), gen_random_uuid(), w.hash, NULL, now()
	INTO v_next FROM point.wallets w WHERE w.user_id = '00000000-0000-7000-8000-0000000000a1';
	v_next := json_populate_record(v_next, p_change);
	v_next.hash := point.entry_hash(v_next);
	INSERT INTO point.entries SELECT v_next.*;
END $$;
SELECT throws_ok($$SELECT pg_temp.entry('{"balance_after": 99000}')$$, '23000', NULL, 'an entry''s balance must follow from the wallet''s');
SELECT throws_ok($$SELECT pg_temp.entry('{"version": 6}')$$, '23000', NULL, 'so must its version');
SELECT throws_ok($$SELECT pg_temp.entry('{"version": 4}')$$, '23505', NULL, 'a version is there once');
SELECT throws_ok($$SELECT pg_temp.entry('{"prev_hash": "\\x0000000000000000000000000000000000000000000000000000000000000000"}')$$,
    '23000', NULL, 'and it names the hash before it');
SELECT throws_ok($$SELECT pg_temp.entry('{"user_id": "00000000-0000-7000-8000-0000000000cc"}')$$, '23000', NULL, 'of a wallet that is there');
SELECT throws_ok(format($$SELECT pg_temp.entry('{"operation_id": "%s", "type": "DEDUCT", "balance_after": 14000}')$$, :'pay'),
    '23505', NULL, 'an operation takes once');
SELECT throws_ok($$SELECT pg_temp.entry('{"amount": 0, "balance_after": 15000}')$$, '23514', NULL, 'nothing is not moved');
SELECT throws_ok($$SELECT pg_temp.entry('{"type": "DEDUCT", "amount": 15001, "balance_after": -1}')$$, '23514', NULL, 'a balance is never below zero');
SELECT throws_ok($$SELECT pg_temp.entry('{"type": "GIFT"}')$$, '23514', NULL, 'there is no other kind of entry');
-- Does `damage` (ANN and BOB stand for the users' ids), asks verify about `p_user`
-- and the invariants, and undoes it: "verdict @version; invariants hurt".
CREATE FUNCTION pg_temp.after(p_user uuid, p_damage text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_found	text;
BEGIN
	EXECUTE replace(replace(p_damage, 'ANN', quote_literal('00000000-0000-7000-8000-0000000000a1')),
	    'BOB', quote_literal('00000000-0000-7000-8000-0000000000b2'));
	v_found := pg_temp.verdict(p_user, 2) || '; ' || pg_temp.hurt();
	RAISE EXCEPTION 'undo' USING ERRCODE = 'UNDO0';
EXCEPTION WHEN SQLSTATE 'UNDO0' THEN
	RETURN v_found;
END $$;

SELECT is(pg_temp.after(:'ann', $$SELECT pg_temp.entry('{}')$$), 'well; none', 'the entry with nothing wrong is taken');

-- The guards off, as a superuser can: what was done is found, and where.
ALTER TABLE point.entries DISABLE TRIGGER entries_append_only;
ALTER TABLE point.entries DISABLE TRIGGER entries_move_wallet;
ALTER TABLE point.wallets DISABLE TRIGGER wallets_follow_ledger;
ALTER TABLE point.wallets DISABLE TRIGGER wallets_stay;

SELECT is(pg_temp.after(:'ann', 'UPDATE point.entries SET amount = 4000 WHERE user_id = ANN AND version = 2'),
    'its hash is not that of its fields @2; balance_is_ledger_sum kept_answer_has_its_effect', 'a changed amount is found');
SELECT is(pg_temp.after(:'ann', $$UPDATE point.entries SET created_at = created_at - interval '1 day'
    WHERE user_id = ANN AND version = 1$$),
    'its hash is not that of its fields @1; none', 'a changed time is found, by the hash alone');
SELECT is(pg_temp.after(:'ann', 'UPDATE point.entries SET reference_id = operation_id, operation_id = reference_id,
    entry_id = operation_id WHERE user_id = ANN AND version = 3;
    UPDATE point.entries e SET hash = point.entry_hash(e) WHERE user_id = ANN AND version = 3'),
    'it does not name the hash of the entry before it @4; none', 'with its hash made to fit, the next one gives it away');
SELECT is(pg_temp.after(:'ann', 'UPDATE point.entries SET balance_after = 99000 WHERE user_id = ANN AND version = 2;
    UPDATE point.entries e SET hash = point.entry_hash(e) WHERE user_id = ANN AND version = 2'),
    'its balance does not follow from the entry before it @2; none', 'so is a balance with its hash');
SELECT is(pg_temp.after(:'ann', 'DELETE FROM point.entries WHERE user_id = ANN AND version = 2'),
    'the entry before it is missing @3; balance_is_ledger_sum kept_answer_has_its_effect versions_have_no_gap', 'an entry taken out is missed');
SELECT is(pg_temp.after(:'ann', 'DELETE FROM point.entries WHERE user_id = ANN AND version = 4'),
    'its wallet does not stand where it, the newest entry, left it @3; balance_is_ledger_sum wallet_is_newest_entry',
    'so is the newest');
SELECT is(pg_temp.after(:'bob', 'DELETE FROM point.entries WHERE user_id = BOB'),
    'its wallet does not stand where it, the newest entry, left it @-; balance_is_ledger_sum kept_answer_has_its_effect wallet_is_newest_entry',
    'and all of them');
SELECT is(pg_temp.after(:'bob', 'UPDATE point.wallets SET balance = balance + 1 WHERE user_id = BOB'),
    'its wallet does not stand where it, the newest entry, left it @1; balance_is_ledger_sum wallet_is_newest_entry',
    'a wallet helped up by one is found');
SELECT is(pg_temp.after(:'ann', 'UPDATE point.wallets SET balance = balance + 1 WHERE user_id = BOB'),
    'well; balance_is_ledger_sum wallet_is_newest_entry', 'and nobody else is blamed');
SELECT is(pg_temp.after(:'bob', 'DELETE FROM point.wallets WHERE user_id = BOB'),
    'its wallet is missing @1; wallet_is_newest_entry', 'a lost wallet is missed');
SELECT is(pg_temp.after(:'ann', $$SELECT pg_temp.entry('{}')$$),
    'its wallet does not stand where it, the newest entry, left it @5; balance_is_ledger_sum wallet_is_newest_entry',
    'an entry that left its wallet behind is found');
SELECT is(pg_temp.after(:'ann', format($$
    ALTER TABLE point.entries DROP CONSTRAINT entries_operation_id_type_key;
    SELECT pg_temp.entry('{"operation_id": "%s", "type": "ROLLBACK", "amount": 3000, "balance_after": 18000}');
    UPDATE point.wallets w SET version = e.version, balance = e.balance_after, hash = e.hash
    FROM point.entries e WHERE (e.user_id, e.version) = (ANN, 5) AND w.user_id = e.user_id$$, :'pay')),
    'well; given_back_within_taken operation_moves_once', 'points given back twice are found, though the chain is whole');

UPDATE point.entries SET amount = 6000 WHERE user_id = :'bob';
SELECT is((v.broken_user, v.broken_version, v.broken_entry)::text, (e.user_id, e.version, e.entry_id)::text,
    'verify of all users names the user and the entry')
FROM point.verify(NULL, 2) v, point.entries e WHERE e.user_id = :'bob';

SELECT * FROM finish();
ROLLBACK;
