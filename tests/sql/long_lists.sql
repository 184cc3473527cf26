-- A user's lists cost the same with 100,000 payments and ledger entries, on the first page and in the middle. So do the
-- calls that look for open payments of a user. The test counts the rows and pages read, not time.
BEGIN;
SELECT plan(13);

-- A user of this file only. Rows that other files rolled back for a user stay in the indexes until the next vacuum.
\set ann '00000000-0000-7000-8000-00000000105a'

-- The settings of the services' roles.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_generic_plan;

-- Of two indexes with equal cost PostgreSQL takes the smaller one. So payments and refusals that were rolled back make the
-- indexes of pending payments and of refusals the larger ones. The statistics are from a time before such long lists.
SET LOCAL session_replication_role = replica;
SAVEPOINT bloat;
INSERT INTO payment.payments (payment_id, reservation_id, user_id, method, amount, status, created_at)
SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'CARD', 1000, 'PENDING', now() FROM generate_series(1, 20000);
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, refused)
SELECT gen_random_uuid(), 'payments.pay', 'k', 'h', 'SEAT_NOT_AVAILABLE', true FROM generate_series(1, 20000);
ROLLBACK TO bloat;
SET LOCAL session_replication_role = origin;
REINDEX INDEX payment.payments_of_user;
REINDEX INDEX platform.idempotency_pkey;
ANALYZE payment.payments, payment.cards, point.entries, point.charges, platform.idempotency;
SET LOCAL session_replication_role = replica;
ALTER TABLE point.entries DISABLE TRIGGER entries_move_wallet;
INSERT INTO payment.payments (payment_id, reservation_id, user_id, method, amount, status, failure_code, created_at)
SELECT ('00000000-0000-7000-9000-' || lpad(n::text, 12, '0'))::uuid, ('00000000-0000-7000-a000-' || lpad((n / 3)::text, 12, '0'))::uuid, :'ann',
    'CARD', 1000, 'FAILED', 'CARD_DECLINED', now() FROM generate_series(1, 100000) n;
INSERT INTO payment.cards (payment_id, payment_key, idempotency_key, request_hash, asked_at, sent_at)
SELECT p.payment_id, 'key of ' || p.payment_id, 'k', 'h', now(), now() FROM payment.payments p WHERE p.user_id = :'ann';
INSERT INTO point.wallets (user_id, updated_at) VALUES (:'ann', now());
INSERT INTO point.entries (user_id, version, entry_id, type, amount, balance_after, operation_id, reference_id, prev_hash, hash, created_at)
SELECT :'ann', n, ('00000000-0000-7000-b000-' || lpad(n::text, 12, '0'))::uuid, 'CHARGE', 1, n,
    ('00000000-0000-7000-c000-' || lpad(n::text, 12, '0'))::uuid, ('00000000-0000-7000-c000-' || lpad(n::text, 12, '0'))::uuid, sha256('a'), sha256('b'), now()
FROM generate_series(1, 100000) n;
INSERT INTO point.charges (charge_id, user_id, amount, status, payment_key, order_id, idempotency_key, request_hash, asked_at, created_at, settled_at, provider_code)
SELECT ('00000000-0000-7000-d000-' || lpad(n::text, 12, '0'))::uuid, :'ann', 1000, 'FAILED', 'charge ' || n, 'order ' || n, 'k', 'h', now(), now(), now(), 'X'
FROM generate_series(1, 100000) n;
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, body)
SELECT :'ann', 'payments.pay', 'kept ' || n, 'h', 'CREATED', '{}' FROM generate_series(1, 100000) n;
SET LOCAL session_replication_role = origin;

-- Entries of indexes, rows of tables, and pages that were asked for so far.
CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid) + pg_stat_get_xact_blocks_fetched(c.oid))::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname IN ('reservation', 'payment', 'point', 'platform')
$$;
CREATE FUNCTION pg_temp.reads_few(p_statement text, p_test text, p_most int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_before	bigint := pg_temp.read();
	v_reply		platform.reply;
	v_read		bigint;
BEGIN
	EXECUTE p_statement INTO v_reply;
	v_read := pg_temp.read() - v_before;
	RETURN ok(v_read <= p_most AND v_reply.outcome IN ('OK', 'CREATED', 'NO_CONTENT', 'RESERVATION_NOT_FOUND', 'BEGUN'), p_test)
	    || E'\n' || diag(format('%s: %s rows and pages, %s', p_test, v_read, v_reply.outcome));
END
$$;
CREATE FUNCTION pg_temp.items(p_reply platform.reply) RETURNS int LANGUAGE sql AS $$ SELECT json_array_length((p_reply).body::json -> 'items') $$;

SELECT is(pg_temp.items(payment.list_payments(:'ann', 100, NULL)) + pg_temp.items(payment.list_payments(:'ann', 100, '00000000-0000-7000-9000-000000050000')), 200, 'pages_of_payments_are_full');
SELECT is(pg_temp.items(point.list_entries(:'ann', 100, NULL)) + pg_temp.items(point.list_entries(:'ann', 100, '00000000-0000-7000-b000-000000050000')), 200, 'pages_of_histories_are_full');
SELECT pg_temp.reads_few(format('SELECT * FROM payment.list_payments(%L, 20, NULL)', :'ann'), 'first_page_of_100000_payments_reads_few_rows', 300);
SELECT pg_temp.reads_few(format('SELECT * FROM payment.list_payments(%L, 20, %L)', :'ann', '00000000-0000-7000-9000-000000050000'), 'middle_page_of_100000_payments_reads_few_rows', 300);
SELECT pg_temp.reads_few(format('SELECT * FROM payment.list_payments(%L, 20, %L)', :'ann', '00000000-0000-7000-9000-000000000030'), 'last_page_of_100000_payments_reads_few_rows', 300);
SELECT pg_temp.reads_few(format('SELECT * FROM point.list_entries(%L, 20, NULL)', :'ann'), 'first_page_of_100000_histories_reads_few_rows', 300);
SELECT pg_temp.reads_few(format('SELECT * FROM point.list_entries(%L, 20, %L)', :'ann', '00000000-0000-7000-b000-000000050000'), 'middle_page_of_100000_histories_reads_few_rows', 300);
SELECT pg_temp.reads_few(format('SELECT * FROM point.list_entries(%L, 20, %L)', :'ann', '00000000-0000-7000-b000-000000000030'), 'last_page_of_100000_histories_reads_few_rows', 300);
SELECT pg_temp.reads_few(format('SELECT * FROM payment.pay_by_points(%L, %L, 1000, %L, %L, 3, %L)', :'ann', '00000000-0000-7000-8000-00000000dead', 'k', 'h', 'r'),
    'payment_of_a_user_with_100000_payments_reads_few_rows', 300);
-- One refusal in ten also removes old refusals, of which this user has none.
SELECT pg_temp.reads_few(format('SELECT (platform.ok(''{}'')).* FROM platform.forget_refusals(%L)', :'ann'),
    'removal_of_refusals_of_a_user_with_100000_answers_reads_few_rows', 300);
SELECT pg_temp.reads_few(format('SELECT * FROM point.begin_charge(%L, 1000, %L, %L, %L, 1000, %L)', :'ann', 'new', 'k', 'h', 'r'),
    'charge_of_a_user_with_100000_charges_reads_few_rows', 300);
SELECT pg_temp.reads_few('SELECT * FROM payment.heard_of(''new'')', 'webhook_of_a_user_with_100000_charges_reads_few_rows', 300);
SELECT pg_temp.reads_few('SELECT * FROM payment.heard_of(''nobody-s'')', 'webhook_of_an_unknown_key_reads_few_rows', 20);

SELECT * FROM finish();
ROLLBACK;
