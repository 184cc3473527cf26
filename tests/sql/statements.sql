-- What only several connections can show of statements and events: whoever pages
-- through a user's reservations, payments or histories while more arrive sees
-- each once, and whoever reads from the newest down to the last one known misses
-- none: what one user does gets its id and commits in one order. And the relay
-- sends an event that commits late, late, but sends it.
--
-- Other connections see only what is committed, so users and concert are new
-- each time and stay: a ledger cannot be taken back. No BEGIN here.
SET client_min_messages = warning;
SELECT plan(38);

\getenv pgpassword PGPASSWORD
\if :{?pgpassword}
\else
\set pgpassword ''
\endif
SELECT concat_ws(' ', 'host=' || :'HOST', 'port=' || :'PORT', 'dbname=' || :'DBNAME', 'user=' || :'USER',
    'password=' || nullif(:'pgpassword', ''), 'application_name=pgtap', 'options=''-c statement_timeout=20s''') AS conninfo \gset
SELECT dblink_connect(c, :'conninfo') FROM unnest(ARRAY['a', 'b', 'reader']) c;

CREATE FUNCTION pg_temp.ask(p_connection text, p_sql text, VARIADIC p_values text[] DEFAULT '{}') RETURNS text
LANGUAGE sql AS $$ SELECT answer FROM dblink(p_connection, format(p_sql, VARIADIC p_values)) d (answer text) $$;
-- Begins to ask; the answer comes later. True if it is still waiting 100 ms after.
CREATE FUNCTION pg_temp.waits(p_connection text, p_sql text, VARIADIC p_values text[] DEFAULT '{}') RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
	PERFORM dblink_send_query(p_connection, format(p_sql, VARIADIC p_values));
	PERFORM pg_sleep(0.1);
	RETURN dblink_is_busy(p_connection) = 1;
END $$;
CREATE FUNCTION pg_temp.answer(p_connection text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_answer	text;
BEGIN
	SELECT answer INTO v_answer FROM dblink_get_result(p_connection) d (answer text);
	PERFORM FROM dblink_get_result(p_connection) d (answer text);
	RETURN v_answer;
END $$;

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
-- Two items a page. Page 1 is the newest; each call of next_page goes on where the last one ended.
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

-- Reservations arrive while somebody pages.
INSERT INTO names SELECT 'r' || n, pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', n))::uuid FROM generate_series(1, 5) n;
SELECT is(pg_temp.first_page('reservations', :'ann'), 'r5 r4', 'the newest two of five reservations');
INSERT INTO names VALUES ('r6', pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', 6))::uuid);
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r3 r2', 'one more arrives: the next page neither skips nor repeats');
SELECT dblink_exec('a', 'BEGIN');
INSERT INTO names VALUES ('r7', pg_temp.ask('a', pg_temp.hold(:'ann', :'schedule', 7))::uuid);
SELECT ok(pg_temp.waits('b', pg_temp.hold(:'ann', :'schedule', 8)), 'one is not committed yet: the next one of that user waits, and gets its id afterwards');
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r1', 'the last page');
SELECT is(cursor, NULL, 'and it says so') FROM reading;
SELECT is(pg_temp.first_page('reservations', :'ann'), 'r6 r5', 'what is not committed is not there');
SELECT dblink_exec('a', 'COMMIT');
INSERT INTO names VALUES ('r8', pg_temp.answer('b')::uuid);
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r4 r3', 'two more have come: the page after the old cursor is the same');
SELECT is(pg_temp.first_page('reservations', :'ann'), 'r8 r7', 'and from the newest down to the last one known none is missed');
SELECT is(pg_temp.next_page('reservations', :'ann'), 'r6 r5', 'in the order of their commits');

-- Histories: charges, while another is not committed.
SELECT dblink_exec('a', 'BEGIN');
INSERT INTO names VALUES ('h1', pg_temp.ask('a', pg_temp.charge(:'ann'))::uuid);
SELECT ok(pg_temp.waits('b', pg_temp.charge(:'ann')), 'a charge waits for the one before it');
SELECT is(pg_temp.first_page('histories', :'ann'), NULL, 'nothing is there');
SELECT dblink_exec('a', 'COMMIT');
INSERT INTO names VALUES ('h2', pg_temp.answer('b')::uuid);
INSERT INTO names SELECT 'h' || n, pg_temp.ask('b', pg_temp.charge(:'ann'))::uuid FROM generate_series(3, 5) n;
SELECT is(pg_temp.first_page('histories', :'ann'), 'h5 h4', 'then all are: the newest two');
INSERT INTO names VALUES ('h6', pg_temp.ask('a', pg_temp.charge(:'ann'))::uuid);
SELECT is(pg_temp.next_page('histories', :'ann'), 'h3 h2', 'one arrives: the next two');
SELECT is(pg_temp.next_page('histories', :'ann'), 'h1', 'the last one');
SELECT is(pg_temp.first_page('histories', :'ann'), 'h6 h5', 'and the one that arrived is the newest');
SELECT is(pg_temp.ask('reader', 'SELECT outcome FROM point.list_entries(%L, 2, %L)', :'bob', (SELECT id FROM names WHERE name = 'h1')::text),
    'INVALID_REQUEST', 'another user''s place is no cursor');

-- Payments: of two at once, and while somebody pages.
SELECT dblink_exec('a', 'BEGIN');
INSERT INTO names VALUES ('p1', pg_temp.ask('a', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r1')::text))::uuid);
SELECT ok(pg_temp.waits('b', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r2')::text)), 'a payment waits for the one before it');
SELECT is(pg_temp.first_page('payments', :'ann'), NULL, 'nothing is there');
SELECT dblink_exec('a', 'COMMIT');
INSERT INTO names VALUES ('p2', pg_temp.answer('b')::uuid);
INSERT INTO names SELECT 'p' || n, pg_temp.ask('b', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r' || n)::text))::uuid FROM generate_series(3, 5) n;
SELECT is(pg_temp.first_page('payments', :'ann'), 'p5 p4', 'then all are: the newest two');
INSERT INTO names VALUES ('p6', pg_temp.ask('a', pg_temp.pay(:'ann', (SELECT id FROM names WHERE name = 'r6')::text))::uuid);
SELECT is(pg_temp.next_page('payments', :'ann'), 'p3 p2', 'one arrives: the next two');
SELECT is(pg_temp.next_page('payments', :'ann'), 'p1', 'the last one');
SELECT is(pg_temp.first_page('payments', :'ann'), 'p6 p5', 'and the one that arrived is the newest');
SELECT is(string_agg(balance_after::text, ' ' ORDER BY version DESC), '0 1000 2000 3000 4000 5000 6000 5000 4000 3000 2000 1000', 'and the histories add up')
FROM point.entries WHERE user_id = :'ann';

-- The relay, while one event's transaction stays open.
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
SELECT isnt(pg_temp.ask('a', pg_temp.charge(:'ann')), NULL, 'ann''s charge is not committed yet');
SELECT isnt(pg_temp.ask('b', pg_temp.charge(:'bob')), NULL, 'bob''s is, with a higher id');
SELECT is(pg_temp.relayed(), 'PointCharged bob', 'bob''s event is sent; it waits for nobody');
SELECT is(pg_temp.relayed(current_setting('test.ids')), 'none', 'it was sent, and there is nothing more');
SELECT is(pg_temp.ask('b', 'SELECT count(*)::text FROM platform.outbox'), '0', 'the outbox is empty');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.relayed(), 'PointCharged ann', 'ann commits, and hers is sent: later, though its id is lower');
SELECT ok((current_setting('test.ids')::bigint[])[1] < (SELECT max(event_id) FROM platform.events), 'which it is');
SELECT is(pg_temp.relayed(current_setting('test.ids')), 'none', 'then nothing is left');
-- One transaction that began first does something with ann after another one did.
SELECT dblink_exec('a', 'BEGIN');
SELECT isnt(pg_temp.ask('a', pg_temp.charge(:'bob')), NULL, 'a batch has begun with bob');
SELECT isnt(pg_temp.ask('b', pg_temp.hold(:'ann', :'schedule', 9)), NULL, 'ann holds a seat, and that commits');
SELECT isnt(pg_temp.ask('a', pg_temp.charge(:'ann')), NULL, 'the batch goes on with ann');
SELECT dblink_exec('a', 'COMMIT');
SELECT is(pg_temp.relayed(), 'PointCharged bob, ReservationHeld ann, PointCharged ann', 'what was written by somebody who could see the hold comes after it');
SELECT pg_temp.relayed(current_setting('test.ids'));

SELECT is(count(pg_temp.ask('a', 'SELECT outcome FROM reservation.cancel(%L, %L, ''r'')', :'ann', reservation_id::text)), 3::bigint, 'what is held is given back')
FROM reservation.reservations WHERE user_id = :'ann' AND status = 'HOLD';
SELECT is_empty('SELECT * FROM platform.invariants', 'no invariant is hurt');
SELECT is(broken, NULL, 'and the ledger verifies') FROM point.verify(:'ann');
SELECT dblink_disconnect(c) FROM unnest(ARRAY['a', 'b', 'reader']) c;
SELECT * FROM finish();
