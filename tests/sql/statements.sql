-- Lists and events beside other connections. A client that pages through reservations, payments or histories while more
-- arrive sees each item once. A client that reads from the newest down to the last one known misses none, because a
-- user's writes get their ids and commit in one order. The relay sends events of late commits late, but it sends them.
--
-- Other connections see only committed rows. The users and the concert are new in each run and stay, because the ledger
-- cannot be undone. No BEGIN here.
SET client_min_messages = warning;
SELECT plan(38);
\ir include/connections.psql

SELECT platform.uuid_v7() AS ann \gset
SELECT platform.uuid_v7() AS bob \gset
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'concertId' FROM reservation.create_concert('T', 'A', 'V', 'S')$$) AS concert \gset
SELECT pg_temp.ask('a', $$SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule(%L, now() + '1 day', now() + '2 days', NULL, 'ON_SALE',
    '[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":20}]')$$, :'concert') AS schedule \gset
SELECT dblink_exec('a', format('UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = %L', :'schedule'));
CREATE TEMP TABLE names (name text, id uuid);
CREATE FUNCTION pg_temp.hold(p_user text, p_schedule text, p_seq int) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT body::json ->> ''reservationId'' FROM reservation.hold(%L, %L, NULL, ''VIP'', 1, %s, 300, NULL, NULL, NULL, ''r'', 0)',
    p_user, p_schedule, p_seq) $$;
CREATE FUNCTION pg_temp.pay(p_user text, p_reservation text) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT body::json ->> ''paymentId'' FROM payment.pay_by_points(%L, %L, 1000, platform.uuid_v7()::text, ''h'', 3, ''r'')',
    p_user, p_reservation) $$;
CREATE FUNCTION pg_temp.charge(p_user text) RETURNS text
LANGUAGE sql AS $$ SELECT format('SELECT body::json #>> ''{history,historyId}'' FROM point.charge(%L, 1000, platform.uuid_v7()::text, ''h'', ''r'')', p_user) $$;
-- Two items on a page. The first page has the newest; each call of next_page goes on where the last one ended.
CREATE TEMP TABLE reading (cursor uuid);
CREATE FUNCTION pg_temp.page(p_list text, p_user text, p_cursor uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_page	json := pg_temp.ask('reader', CASE p_list
	    WHEN 'reservations' THEN 'SELECT body FROM reservation.list_reservations(%L, NULL, 2, %L)'
	    WHEN 'payments' THEN 'SELECT body FROM payment.list_payments(%L, 2, %L)'
	    ELSE 'SELECT body FROM point.list_entries(%L, 2, %L)' END, p_user, p_cursor::text);
	v_id	text := CASE p_list WHEN 'reservations' THEN 'reservationId' WHEN 'payments' THEN 'paymentId' ELSE 'historyId' END;
BEGIN
	DELETE FROM reading;
	INSERT INTO reading SELECT encode(decode(translate(v_page ->> 'nextCursor', '-_', '+/') || '==', 'base64'), 'hex')::uuid;
	RETURN (SELECT string_agg(coalesce(n.name, i ->> v_id), ' ' ORDER BY x.no)
	    FROM json_array_elements(v_page -> 'items') WITH ORDINALITY x (i, no) LEFT JOIN names n ON n.id = (i ->> v_id)::uuid);
END $$;
CREATE FUNCTION pg_temp.first_page(p_list text, p_user text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.page(p_list, p_user, NULL) $$;
CREATE FUNCTION pg_temp.next_page(p_list text, p_user text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.page(p_list, p_user, cursor) FROM reading $$;

-- Reservations arrive while a client pages.
INSERT INTO names SELECT 'r' || n, pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', n))::uuid FROM generate_series(1, 5) n;
SELECT is(pg_temp.first_page('reservations', :'ann'), 'r5 r4', 'first_page_has_the_newest_two_of_five_reservations');
INSERT INTO names VALUES ('r6', pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', 6))::uuid);
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r3 r2', 'new_reservation_neither_repeats_nor_skips_on_the_next_page');
SELECT dblink_exec('a', 'BEGIN');
INSERT INTO names VALUES ('r7', pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', 7))::uuid);
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'schedule', 8)), 'second_hold_of_a_user_waits_for_the_first_to_commit');
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r1', 'last_page_has_one_reservation');
SELECT is(cursor, NULL, 'last_page_has_no_cursor') FROM reading;
SELECT is(pg_temp.first_page('reservations', :'ann'), 'r6 r5', 'uncommitted_reservation_is_not_listed');
SELECT dblink_exec('a', 'COMMIT');
INSERT INTO names VALUES ('r8', pg_temp.answer('b')::uuid);
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r4 r3', 'page_after_an_old_cursor_is_unchanged');
SELECT is(pg_temp.first_page('reservations', :'ann'), 'r8 r7', 'list_down_to_the_last_known_reservation_misses_none');
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r6 r5', 'list_is_in_the_order_of_the_commits');

-- Histories: charges, while another charge is not committed.
SELECT dblink_exec('a', 'BEGIN');
INSERT INTO names VALUES ('h1', pg_temp.ask('a', pg_temp.charge(:'ann'))::uuid);
SELECT ok(pg_temp.waits('b', pg_temp.charge(:'ann')), 'second_charge_of_a_user_waits_for_the_first');
SELECT is(pg_temp.first_page('histories', :'ann'), NULL, 'uncommitted_charges_are_not_listed');
SELECT dblink_exec('a', 'COMMIT');
INSERT INTO names VALUES ('h2', pg_temp.answer('b')::uuid);
INSERT INTO names SELECT 'h' || n, pg_temp.ask('b', pg_temp.charge(:'ann'))::uuid FROM generate_series(3, 5) n;
SELECT is(pg_temp.first_page('histories', :'ann'), 'h5 h4', 'committed_charges_are_listed_newest_first');
INSERT INTO names VALUES ('h6', pg_temp.ask('a', pg_temp.charge(:'ann'))::uuid);
SELECT is(pg_temp.next_page('histories', :'ann'), 'h3 h2', 'new_charge_neither_repeats_nor_skips_on_the_next_page');
SELECT is(pg_temp.next_page('histories', :'ann'), 'h1', 'last_page_has_one_charge');
SELECT is(pg_temp.first_page('histories', :'ann'), 'h6 h5', 'new_charge_is_first_in_the_list');
SELECT is(pg_temp.ask('reader', 'SELECT outcome FROM point.list_entries(%L, 2, %L)', :'bob', (SELECT id FROM names WHERE name = 'h1')::text),
    'INVALID_REQUEST', 'cursor_of_another_user_is_refused');

-- Payments: two at once, and more while a client pages.
SELECT dblink_exec('a', 'BEGIN');
INSERT INTO names VALUES ('p1', pg_temp.ask('a', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r1')::text))::uuid);
SELECT ok(pg_temp.waits('b', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r2')::text)), 'second_payment_of_a_user_waits_for_the_first');
SELECT is(pg_temp.first_page('payments', :'ann'), NULL, 'uncommitted_payments_are_not_listed');
SELECT dblink_exec('a', 'COMMIT');
INSERT INTO names VALUES ('p2', pg_temp.answer('b')::uuid);
INSERT INTO names SELECT 'p' || n, pg_temp.ask('b', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r' || n)::text))::uuid FROM generate_series(3, 5) n;
SELECT is(pg_temp.first_page('payments', :'ann'), 'p5 p4', 'committed_payments_are_listed_newest_first');
INSERT INTO names VALUES ('p6', pg_temp.ask('a', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r6')::text))::uuid);
SELECT is(pg_temp.next_page('payments', :'ann'), 'p3 p2', 'new_payment_neither_repeats_nor_skips_on_the_next_page');
SELECT is(pg_temp.next_page('payments', :'ann'), 'p1', 'last_page_has_one_payment');
SELECT is(pg_temp.first_page('payments', :'ann'), 'p6 p5', 'new_payment_is_first_in_the_list');
SELECT is(string_agg(balance_after::text, ' ' ORDER BY version DESC), '0 1000 2000 3000 4000 5000 6000 5000 4000 3000 2000 1000', 'histories_add_up')
FROM point.entries WHERE user_id = :'ann';

-- The relay, while the transaction of one event stays open.
SELECT dblink_exec('b', 'DELETE FROM platform.outbox');
SELECT dblink_exec('b', 'UPDATE platform.relay SET holder = NULL, leased_until = NULL, entry = NULL');
CREATE FUNCTION pg_temp.relayed(p_sent text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_batch	json := pg_temp.ask('reader', 'SELECT body FROM platform.relay_next(''test'', %L, %L, 10, 5000)', p_sent, CASE WHEN p_sent IS NOT NULL THEN '1-0' END);
BEGIN
	PERFORM set_config('test.ids', v_batch ->> 'ids', false);
	RETURN (SELECT coalesce(string_agg(concat(e ->> 'type', ' ', CASE (e ->> 'data')::json ->> 'userId' WHEN current_setting('test.ann') THEN 'ann' ELSE 'bob' END),
	    ', ' ORDER BY n), 'none')
	    FROM json_array_elements(v_batch -> 'events') WITH ORDINALITY x (e, n));
END $$;
SELECT set_config('test.ann', :'ann', false);
SELECT dblink_exec('a', 'BEGIN');
SELECT isnt(pg_temp.ask('a', pg_temp.charge(:'ann')), NULL, 'charge_of_ann_is_uncommitted');
SELECT isnt(pg_temp.ask('b', pg_temp.charge(:'bob')), NULL, 'charge_of_bob_commits_with_a_higher_id');
SELECT is(pg_temp.relayed(), 'PointCharged bob', 'event_of_bob_is_sent_without_waiting');
SELECT is(pg_temp.relayed(current_setting('test.ids')), 'none', 'relay_has_nothing_more_to_send');
SELECT is(pg_temp.ask('b', 'SELECT count(*)::text FROM platform.outbox'), '0', 'outbox_is_empty');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.relayed(), 'PointCharged ann', 'event_of_ann_is_sent_after_her_commit');
SELECT ok((current_setting('test.ids')::bigint[])[1] < (SELECT max(event_id) FROM platform.events), 'late_event_has_the_lower_id');
SELECT is(pg_temp.relayed(current_setting('test.ids')), 'none', 'all_events_are_sent');
-- A transaction that began first writes something for ann after another transaction did.
SELECT dblink_exec('a', 'BEGIN');
SELECT isnt(pg_temp.ask('a', pg_temp.charge(:'bob')), NULL, 'batch_begins_with_bob');
SELECT isnt(pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', 9)), NULL, 'hold_of_ann_commits');
SELECT isnt(pg_temp.ask('a', pg_temp.charge(:'ann')), NULL, 'batch_goes_on_with_ann');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.relayed(), 'PointCharged bob, ReservationHeld ann, PointCharged ann', 'event_that_follows_a_committed_one_has_the_higher_id');
SELECT pg_temp.relayed(current_setting('test.ids'));

SELECT is(count(pg_temp.ask('a', 'SELECT outcome FROM reservation.cancel(%L, %L, ''r'')', :'ann', reservation_id::text)), 3::bigint, 'seats_are_given_back')
FROM reservation.reservations WHERE user_id = :'ann' AND status = 'HOLD';
SELECT is_empty('SELECT * FROM platform.invariants', 'no_invariant_is_violated');
SELECT is(broken, NULL, 'ledger_verifies') FROM point.verify(:'ann');
SELECT dblink_disconnect(c) FROM unnest(ARRAY['a', 'b', 'reader']) c;
SELECT * FROM finish();
