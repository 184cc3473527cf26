-- One user's calls read about as many rows as they answer, for a user with 100,000 reservations: lists of every status, page
-- by page, and a hold, alone and in a batch. The test counts rows read, not time.
BEGIN;
SELECT plan(28);
\ir include/reservation.psql

-- The settings of the services' roles.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_generic_plan;

CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid))::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('reservation', 'payment', 'point', 'platform')
$$;
-- Passes if a statement with one reply answers as expected and read few rows.
CREATE FUNCTION pg_temp.reads_few(p_statement text, p_want text, p_name text, p_most int DEFAULT 1000) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_before	bigint := pg_temp.read();
	v_reply		platform.reply;
	v_said		text;
	v_read		bigint;
BEGIN
	EXECUTE p_statement INTO v_reply;
	v_read := pg_temp.read() - v_before;
	v_said := v_reply.outcome || coalesce(' ' || json_array_length(v_reply.body::json -> 'items'), '');
	RETURN is(v_said || CASE WHEN v_read > p_most THEN format(' after %s rows', v_read) ELSE '' END, p_want, p_name);
END
$$;

-- 2,000 users with few reservations are there when the statistics are collected, as after earlier sales. Then Ann gets
-- 100,000 reservations: 32,000 of each status in another schedule, and 1,000 CANCELLED and 3,000 EXPIRED ones in the
-- hall itself.
SELECT pg_temp.new_schedule('[{"section":"H","grade":"R","price":1000,"rows":20,"seatsPerRow":50}]', p_max_per_user => 4) AS hall \gset
SELECT pg_temp.new_schedule('[{"section":"H","grade":"R","price":1000,"rows":1,"seatsPerRow":1}]') AS other \gset
SELECT pg_temp.id(pg_temp.hold(:'bob', :'hall', pg_temp.seats(:'hall', 'H-T-50'))) AS quiet \gset
SET LOCAL session_replication_role = replica;
INSERT INTO reservation.reservations (reservation_id, user_id, schedule_id, queue_seq, total_amount, hold_ttl_seconds, hold_expires_at,
    created_at, status, expired_at)
SELECT i.id, i.id, ('00000000-0000-7000-8000-dddddddd' || lpad((n % 40)::text, 4, '0'))::uuid, n, 1000, 300, now() - interval '9 days',
    now() - interval '9 days', 'EXPIRED', now() - interval '9 days'
FROM generate_series(1, 2000) n CROSS JOIN LATERAL (SELECT ('00000000-0000-7000-8000-eeeeeeee' || lpad(n::text, 4, '0'))::uuid AS id OFFSET 0) i;
SET LOCAL session_replication_role = origin;
ANALYZE reservation.seats, reservation.schedules, reservation.reservations, reservation.reservation_seats, payment.payments;
SET LOCAL session_replication_role = replica;
INSERT INTO reservation.reservations (reservation_id, user_id, schedule_id, queue_seq, total_amount, hold_ttl_seconds, hold_expires_at,
    created_at, status, payment_id, confirmed_at, cancelled_at, expired_at)
SELECT i.id, :'ann', CASE WHEN n > 96000 THEN :'hall'::uuid ELSE :'other'::uuid END, n, 1000, 300, now() - interval '1 day' - n * interval '1 second',
    now() - interval '2 days', k.status, CASE WHEN k.status = 'CONFIRMED' THEN i.id END, CASE WHEN k.status = 'CONFIRMED' THEN now() END,
    CASE WHEN k.status = 'CANCELLED' THEN now() - interval '1 day' END, CASE WHEN k.status = 'EXPIRED' THEN now() END
FROM generate_series(1, 100000) n
CROSS JOIN LATERAL (SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid AS id OFFSET 0) i
CROSS JOIN LATERAL (SELECT CASE WHEN n % 4 = 0 AND n > 96000 THEN 'CANCELLED' WHEN n > 96000 THEN 'EXPIRED'
    WHEN n % 3 = 0 THEN 'CONFIRMED' WHEN n % 3 = 1 THEN 'CANCELLED' ELSE 'EXPIRED' END AS status) k;
SET LOCAL session_replication_role = origin;
SELECT is(count(*), 100000::bigint, 'a_user_has_100000_reservations') FROM reservation.reservations WHERE user_id = :'ann';

CREATE FUNCTION pg_temp.list(p_status text, p_cursor uuid DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT * FROM reservation.list_reservations(%L, %L, 20, %L)', '00000000-0000-7000-8000-0000000000a1', p_status, p_cursor)
$$;
CREATE FUNCTION pg_temp.at(p_n int) RETURNS uuid LANGUAGE sql AS $$ SELECT ('00000000-0000-7000-8000-' || lpad(p_n::text, 12, '0'))::uuid $$;
SELECT pg_temp.reads_few(pg_temp.list(s), 'OK ' || CASE s WHEN 'HOLD' THEN 0 ELSE 20 END, format('first_page_reads_few_rows_(%s)', coalesce(s, 'all')))
FROM unnest(ARRAY[NULL, 'HOLD', 'CONFIRMED', 'CANCELLED', 'EXPIRED']) s;
SELECT pg_temp.reads_few(pg_temp.list(s, pg_temp.at(50000)), 'OK ' || CASE s WHEN 'HOLD' THEN 0 ELSE 20 END, format('page_in_the_middle_reads_few_rows_(%s)', coalesce(s, 'all')))
FROM unnest(ARRAY[NULL, 'HOLD', 'CONFIRMED', 'CANCELLED', 'EXPIRED']) s;
SELECT pg_temp.reads_few(pg_temp.list(s, pg_temp.at(4)), 'OK ' || CASE s WHEN 'HOLD' THEN 0 WHEN 'CONFIRMED' THEN 1 WHEN 'CANCELLED' THEN 1 WHEN 'EXPIRED' THEN 1 ELSE 3 END,
    format('last_page_reads_few_rows_(%s)', coalesce(s, 'all'))) FROM unnest(ARRAY[NULL, 'HOLD', 'CONFIRMED', 'CANCELLED', 'EXPIRED']) s;

-- The pages together are the whole list in order, also with holds that have run out.
SELECT pg_temp.ends_in(:'quiet', '-1 second');
SELECT is((SELECT string_agg(i ->> 'status', ' ') FROM json_array_elements((reservation.list_reservations(:'bob', 'EXPIRED', 20, NULL)).body::json -> 'items') i),
    'EXPIRED', 'a_run_out_hold_is_listed_as_expired');
SELECT is((SELECT string_agg(i ->> 'reservationId', ' ' ORDER BY o) FROM json_array_elements((reservation.list_reservations(:'ann', NULL, 100,
	pg_temp.at(96050))).body::json -> 'items') WITH ORDINALITY x (i, o)),
    (SELECT string_agg(pg_temp.at(n)::text, ' ' ORDER BY n DESC) FROM generate_series(95950, 96049) n), 'a_list_of_all_is_in_order_without_a_gap');

CREATE FUNCTION pg_temp.many(p_user uuid, p_schedule uuid, p_seats uuid[]) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT m.outcome, m.body, m.etag, m.replayed, m.request_id FROM reservation.hold_many(ARRAY[%L], ARRAY[%L], ARRAY[%L], ARRAY[NULL], ARRAY[NULL],
	    ARRAY[%L], ARRAY[''300''], ARRAY[NULL], ARRAY[NULL], ARRAY[NULL], ARRAY[''r''], ARRAY[''5'']) m', p_user, p_schedule, p_seats, nextval('pg_temp.queue_seqs'))
$$;

-- A hold reads neither the 4,000 reservations that ended unpaid in the same schedule a day ago, nor the other 96,000.
-- Bob's calls are planned first: the planner itself reads the end of an index, up to 100 pages of rows that other tests
-- rolled back.
SELECT is((pg_temp.hold(:'bob', :'hall', pg_temp.seats(:'hall', 'H-C-1'))).outcome, 'CREATED', 'first_hold_plans_its_statements');
SELECT pg_temp.reads_few(pg_temp.many(:'bob', :'hall', pg_temp.seats(:'hall', 'H-C-2')), 'CREATED', 'first_batch_plans_its_statements', 10000);
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, %L, p_unpaid_holds_max => 5)', :'ann', :'hall', pg_temp.seats(:'hall', 'H-A-1')), 'CREATED',
    'a_hold_reads_few_rows');
SELECT pg_temp.reads_few(pg_temp.many(:'ann', :'hall', pg_temp.seats(:'hall', 'H-A-2')), 'CREATED', 'a_hold_among_many_reads_few_rows');
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, %L)', :'ann', :'hall', pg_temp.seats(:'hall', 'H-A-3', 'H-A-4', 'H-A-5')), 'SEAT_LIMIT_EXCEEDED',
    'a_hold_beyond_the_limit_reads_few_rows');
UPDATE reservation.reservations SET cancelled_at = now() WHERE reservation_id = pg_temp.at(96004);
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, %L, p_unpaid_holds_max => 5)', :'ann', :'hall', pg_temp.seats(:'hall', 'H-A-3')), 'UNPAID_HOLD_LIMIT',
    'a_hold_in_a_pause_reads_few_rows');

-- The same calls with statistics from before any sale.
UPDATE pg_class SET relpages = 30, reltuples = 1 WHERE relnamespace = 'reservation'::regnamespace AND relkind = 'r';
DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'reservation'::regnamespace);
SELECT pg_temp.reads_few(pg_temp.many(:'bob', :'hall', pg_temp.seats(:'hall', 'H-C-3')), 'CREATED', 'second_batch_plans_its_statements', 10000);
SELECT pg_temp.reads_few(pg_temp.many(:'cleo', :'hall', pg_temp.seats(:'hall', 'H-B-1')), 'CREATED', 'a_hold_among_many_reads_few_rows_with_a_plan_for_few_seats');
SELECT is((pg_temp.hold(:'bob', :'hall', pg_temp.seats(:'hall', 'H-C-4'))).outcome, 'CREATED', 'second_hold_plans_its_statements');
SELECT pg_temp.reads_few(format('SELECT * FROM pg_temp.hold(%L, %L, %L)', :'cleo', :'hall', pg_temp.seats(:'hall', 'H-B-2')), 'CREATED',
    'a_hold_reads_few_rows_with_a_plan_for_few_seats');

SELECT * FROM finish();
ROLLBACK;
