-- The guards of the ledger: nothing changes an entry, and only an entry moves a wallet. Then each guard is turned off,
-- the damage is done, and point.invariants and point.verify find and name it.
BEGIN;
SELECT plan(54);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'
\set pay '00000000-0000-7000-8000-000000000e01'

-- Four entries for ann: 1: +10000, 2: +5000, 3: -3000, 4: +3000; one for bob. Two wallets in all.
SELECT is((point.charge(:'ann', 10000, 'k1', 'h', 'r')).outcome, 'CREATED', 'ann_charges_10000');
SELECT is((point.charge(:'ann', 5000, 'k2', 'h', 'r')).outcome, 'CREATED', 'ann_charges_5000');
SELECT is((point.debit(:'ann', 3000, :'pay', :'pay')).outcome, 'OK', 'ann_pays_3000');
SELECT is((point.restore(:'ann', 3000, :'pay', :'pay')).outcome, 'OK', 'ann_gets_3000_back');
SELECT is((point.charge(:'bob', 7000, 'k1', 'h', 'r')).outcome, 'CREATED', 'bob_charges_7000');

-- The result of verify for one or two users, as "entries broken @version".
CREATE FUNCTION pg_temp.verdict(p_user uuid DEFAULT NULL, p_page int DEFAULT 10000) RETURNS text
LANGUAGE sql AS $$ SELECT coalesce(broken || ' @' || coalesce(broken_version::text, '-'), 'well')
    FROM point.verify(p_user, p_page) $$;
-- The names of the violated invariants.
CREATE FUNCTION pg_temp.hurt() RETURNS text
LANGUAGE sql AS $$ SELECT coalesce(string_agg(DISTINCT name, ' ' ORDER BY name), 'none') FROM point.invariants $$;

SELECT is(pg_temp.verdict(), 'well', 'ledger_verifies');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated');
SELECT is(format('%s wallet, %s entries, %s', v.wallets, v.entries, v), '1 wallet, 4 entries, (1,4,,,,)', format('one_wallet_verifies_in_pages_of_%s', p))
FROM unnest(ARRAY[1, 2, 3, 4, 5]) p, LATERAL point.verify(:'ann', p) v;
SELECT cmp_ok(v.entries, '>=', 5::bigint, 'all_wallets_verify_in_pages_of_2') FROM point.verify(NULL, 2) v;

-- No role changes an entry: not a superuser, not the owner, not in replica mode.
SELECT throws_ok('UPDATE point.entries SET amount = 1', '23000', NULL, 'entry_cannot_be_updated');
SELECT throws_ok('UPDATE point.entries SET amount = 1 WHERE false', '23000', NULL, 'update_of_no_entry_is_refused_too');
SELECT throws_ok('DELETE FROM point.entries', '23000', NULL, 'entry_cannot_be_deleted');
SELECT throws_ok('TRUNCATE point.entries', '23000', NULL, 'entries_cannot_be_truncated');
SELECT throws_ok('DELETE FROM point.wallets', '23000', NULL, 'wallet_cannot_be_deleted');
SELECT throws_ok('TRUNCATE point.wallets CASCADE', '23000', NULL, 'wallets_cannot_be_truncated');
SET LOCAL session_replication_role = replica;
SELECT throws_ok('UPDATE point.entries SET amount = 1', '23000', NULL, 'entry_cannot_be_updated_in_replica_mode');
SELECT throws_ok('UPDATE point.wallets SET balance = 1', '23000', NULL, 'balance_cannot_be_updated_in_replica_mode');
SET LOCAL session_replication_role = origin;
SET LOCAL ROLE point_owner;
SELECT throws_ok('UPDATE point.entries SET amount = 1', '42501', NULL, 'owner_has_no_right_to_update_entries');
SELECT throws_ok('DELETE FROM point.entries', '42501', NULL, 'owner_has_no_right_to_delete_entries');
SELECT throws_ok('TRUNCATE point.entries', '42501', NULL, 'owner_has_no_right_to_truncate_entries');
SELECT throws_ok('DELETE FROM point.wallets', '42501', NULL, 'owner_has_no_right_to_delete_wallets');
RESET ROLE;

-- Every role tries every way, and none succeeds.
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
SELECT is(pg_temp.let_through(), '', 'no_role_may_change_or_remove_entries_or_remove_wallets');

-- A wallet moves only by its next entry.
SELECT throws_ok('UPDATE point.wallets SET balance = balance + 1', '23000', NULL, 'balance_cannot_be_set');
SELECT throws_ok('UPDATE point.wallets SET version = version + 1', '23000', NULL, 'version_cannot_be_set');
SELECT throws_ok($$INSERT INTO point.wallets (user_id, version, balance, updated_at) VALUES (gen_random_uuid(), 1, 5, now())$$,
    '23000', NULL, 'new_wallet_with_a_balance_is_refused');
SELECT throws_ok($$INSERT INTO point.wallets (user_id, balance, updated_at) VALUES (gen_random_uuid(), 5, now())$$,
    '23514', NULL, 'new_wallet_with_a_version_is_refused');
SELECT lives_ok(format($$UPDATE point.wallets SET status = 'CHARGING' WHERE user_id = %L$$, :'bob'), 'status_of_a_wallet_may_change');
UPDATE point.wallets SET status = 'ACTIVE' WHERE user_id = :'bob';

-- The entry that would follow ann's newest one, with one field wrong at a time.
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
SELECT throws_ok($$SELECT pg_temp.entry('{"balance_after": 99000}')$$, '23000', NULL, 'entry_whose_balance_does_not_follow_is_refused');
SELECT throws_ok($$SELECT pg_temp.entry('{"version": 6}')$$, '23000', NULL, 'entry_whose_version_does_not_follow_is_refused');
SELECT throws_ok($$SELECT pg_temp.entry('{"version": 4}')$$, '23505', NULL, 'second_entry_of_a_version_is_refused');
SELECT throws_ok($$SELECT pg_temp.entry('{"prev_hash": "\\x0000000000000000000000000000000000000000000000000000000000000000"}')$$,
    '23000', NULL, 'entry_without_the_hash_before_it_is_refused');
SELECT throws_ok($$SELECT pg_temp.entry('{"user_id": "00000000-0000-7000-8000-0000000000cc"}')$$, '23000', NULL, 'entry_without_a_wallet_is_refused');
SELECT throws_ok(format($$SELECT pg_temp.entry('{"operation_id": "%s", "type": "DEDUCT", "balance_after": 14000}')$$, :'pay'),
    '23505', NULL, 'second_debit_of_an_operation_is_refused');
SELECT throws_ok($$SELECT pg_temp.entry('{"amount": 0, "balance_after": 15000}')$$, '23514', NULL, 'entry_of_zero_points_is_refused');
SELECT throws_ok($$SELECT pg_temp.entry('{"type": "DEDUCT", "amount": 15001, "balance_after": -1}')$$, '23514', NULL, 'entry_with_a_negative_balance_is_refused');
SELECT throws_ok($$SELECT pg_temp.entry('{"type": "GIFT"}')$$, '23514', NULL, 'entry_of_another_type_is_refused');
-- Does `damage` (ANN and BOB stand for the users' ids), asks verify about `p_user` and reads the invariants, then
-- undoes the damage. Returns "verdict @version; violated invariants".
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

SELECT is(pg_temp.after(:'ann', $$SELECT pg_temp.entry('{}')$$), 'well; none', 'correct_entry_is_accepted');

-- A superuser can turn the guards off and do damage. The checks find the damage and its place.
ALTER TABLE point.entries DISABLE TRIGGER entries_append_only;
ALTER TABLE point.entries DISABLE TRIGGER entries_move_wallet;
ALTER TABLE point.wallets DISABLE TRIGGER wallets_follow_ledger;
ALTER TABLE point.wallets DISABLE TRIGGER wallets_stay;

SELECT is(pg_temp.after(:'ann', 'UPDATE point.entries SET amount = 4000 WHERE user_id = ANN AND version = 2'),
    'its hash is not that of its fields @2; balance_is_ledger_sum kept_answer_has_its_effect', 'changed_amount_is_found');
SELECT is(pg_temp.after(:'ann', $$UPDATE point.entries SET created_at = created_at - interval '1 day'
    WHERE user_id = ANN AND version = 1$$),
    'its hash is not that of its fields @1; none', 'changed_time_is_found_by_the_hash');
SELECT is(pg_temp.after(:'ann', 'UPDATE point.entries SET reference_id = operation_id, operation_id = reference_id,
    entry_id = operation_id WHERE user_id = ANN AND version = 3;
    UPDATE point.entries e SET hash = point.entry_hash(e) WHERE user_id = ANN AND version = 3'),
    'it does not name the hash of the entry before it @4; none', 'changed_entry_with_its_hash_is_found_at_the_next');
SELECT is(pg_temp.after(:'ann', 'UPDATE point.entries SET balance_after = 99000 WHERE user_id = ANN AND version = 2;
    UPDATE point.entries e SET hash = point.entry_hash(e) WHERE user_id = ANN AND version = 2'),
    'its balance does not follow from the entry before it @2; none', 'changed_balance_with_its_hash_is_found');
SELECT is(pg_temp.after(:'ann', 'DELETE FROM point.entries WHERE user_id = ANN AND version = 2'),
    'the entry before it is missing @3; balance_is_ledger_sum kept_answer_has_its_effect versions_have_no_gap', 'missing_entry_is_found');
SELECT is(pg_temp.after(:'ann', 'DELETE FROM point.entries WHERE user_id = ANN AND version = 4'),
    'its wallet does not stand where it, the newest entry, left it @3; balance_is_ledger_sum wallet_is_newest_entry',
    'missing_newest_entry_is_found');
SELECT is(pg_temp.after(:'bob', 'DELETE FROM point.entries WHERE user_id = BOB'),
    'its wallet does not stand where it, the newest entry, left it @-; balance_is_ledger_sum kept_answer_has_its_effect wallet_is_newest_entry',
    'missing_ledger_is_found');
SELECT is(pg_temp.after(:'bob', 'UPDATE point.wallets SET balance = balance + 1 WHERE user_id = BOB'),
    'its wallet does not stand where it, the newest entry, left it @1; balance_is_ledger_sum wallet_is_newest_entry',
    'changed_wallet_is_found');
SELECT is(pg_temp.after(:'ann', 'UPDATE point.wallets SET balance = balance + 1 WHERE user_id = BOB'),
    'well; balance_is_ledger_sum wallet_is_newest_entry', 'other_users_verify');
SELECT is(pg_temp.after(:'bob', 'DELETE FROM point.wallets WHERE user_id = BOB'),
    'its wallet is missing @1; wallet_is_newest_entry', 'missing_wallet_is_found');
SELECT is(pg_temp.after(:'ann', $$SELECT pg_temp.entry('{}')$$),
    'its wallet does not stand where it, the newest entry, left it @5; balance_is_ledger_sum wallet_is_newest_entry',
    'wallet_behind_its_newest_entry_is_found');
SELECT is(pg_temp.after(:'ann', format($$
    ALTER TABLE point.entries DROP CONSTRAINT entries_operation_id_type_key;
    SELECT pg_temp.entry('{"operation_id": "%s", "type": "ROLLBACK", "amount": 3000, "balance_after": 18000}');
    UPDATE point.wallets w SET version = e.version, balance = e.balance_after, hash = e.hash
    FROM point.entries e WHERE (e.user_id, e.version) = (ANN, 5) AND w.user_id = e.user_id$$, :'pay')),
    'well; given_back_within_taken operation_moves_once', 'points_given_back_twice_are_found_in_a_whole_chain');

UPDATE point.entries SET amount = 6000 WHERE user_id = :'bob';
SELECT is((v.broken_user, v.broken_version, v.broken_entry)::text, (e.user_id, e.version, e.entry_id)::text,
    'verify_of_all_users_names_the_user_and_the_entry')
FROM point.verify(NULL, 2) v, point.entries e WHERE e.user_id = :'bob';

SELECT * FROM finish();
ROLLBACK;
