-- The number of refusals stored for one user is bounded. An answer that changed something is never forgotten early.
BEGIN;
SELECT plan(18);

\set ann '00000000-0000-7000-8000-0000000000a1'
\set bob '00000000-0000-7000-8000-0000000000b2'
\set cid '00000000-0000-7000-8000-0000000000c3'

CREATE FUNCTION pg_temp.end(p_user uuid, p_key text, p_reply platform.reply) RETURNS text LANGUAGE sql AS $$
	SELECT (platform.idempotency_end(p_user, 'op', p_key, 'hash', p_reply)).outcome
$$;
CREATE FUNCTION pg_temp.replayed(p_user uuid, p_key text) RETURNS boolean LANGUAGE sql AS $$
	SELECT coalesce((platform.idempotency_begin(p_user, 'op', p_key, 'hash')).replayed, false)
$$;

-- Which answers may be forgotten.
SELECT is(pg_temp.end(:'bob', 'kind ' || n, r), (r).outcome, 'reply_is_returned_as_it_is_' || (r).outcome)
FROM (VALUES (1, platform.created('{"paymentId":"x"}')), (2, platform.ok('{}')), (3, platform.refuse('INSUFFICIENT_POINTS', '{"paymentId":"x","balance":0}')),
    (4, platform.refuse('RESERVATION_EXPIRED', '{"paymentId":"x"}')), (5, platform.refuse('RESERVATION_NOT_FOUND')),
    (6, platform.refuse('SEAT_NOT_AVAILABLE', '{"unavailableSeatIds":["x"]}')), (7, platform.refuse('CARD_DECLINED', '{"providerCode":"x"}'))) v (n, r);
SELECT is((SELECT string_agg(outcome, ' ' ORDER BY outcome) FROM platform.idempotency WHERE user_id = :'bob' AND NOT refused),
    'CREATED INSUFFICIENT_POINTS OK RESERVATION_EXPIRED', 'answer_that_changed_something_may_not_be_forgotten');
SELECT is((SELECT string_agg(outcome, ' ' ORDER BY outcome) FROM platform.idempotency WHERE user_id = :'bob' AND refused),
    'CARD_DECLINED RESERVATION_NOT_FOUND SEAT_NOT_AVAILABLE', 'refusal_that_changed_nothing_may_be_forgotten');

-- Ann got 5,000 refusals, bought a ticket before all of them, and gets more refusals.
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, refused, created_at)
SELECT :'ann', 'op', 'refused ' || n, 'hash', 'RESERVATION_NOT_FOUND', true, now() - interval '1 day' + n * interval '1 s' FROM generate_series(1, 5000) n;
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, body, created_at)
SELECT :'ann', 'op', 'bought ' || n, 'hash', 'CREATED', '{}', now() - interval '2 days' FROM generate_series(1, 50) n;
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, refused, created_at)
SELECT :'bob', 'op', 'refused ' || n, 'hash', 'RESERVATION_NOT_FOUND', true, now() - interval '1 day' FROM generate_series(1, 900) n;
SELECT is((SELECT string_agg(DISTINCT pg_temp.end(:'ann', 'new ' || n, platform.refuse('RESERVATION_NOT_FOUND')), ' ') FROM generate_series(1, 400) n),
    'RESERVATION_NOT_FOUND', 'user_with_many_refusals_is_still_refused');
-- Old refusals are removed at every tenth refusal on average. 200 refusals without a removal are less likely than 1 in
-- 10^9.
SELECT cmp_ok((SELECT count(*)::int FROM platform.idempotency WHERE user_id = :'ann' AND refused), '<=', 1200, 'refusals_kept_of_a_user_are_bounded');
SELECT cmp_ok((SELECT count(*)::int FROM platform.idempotency WHERE user_id = :'ann' AND refused), '>=', 1000, 'newest_thousand_refusals_are_kept');
SELECT ok(NOT pg_temp.replayed(:'ann', 'refused 1'), 'oldest_refusal_is_forgotten');
SELECT ok(pg_temp.replayed(:'ann', 'refused 5000') AND pg_temp.replayed(:'ann', 'refused 4900'), 'newest_refusals_are_replayed');
SELECT is((SELECT count(*)::int FROM generate_series(1, 50) n WHERE pg_temp.replayed(:'ann', 'bought ' || n)), 50, 'answers_that_changed_something_are_all_replayed');
SELECT is((SELECT count(*)::int FROM platform.idempotency WHERE user_id = :'bob'), 907, 'another_user_s_refusals_are_not_touched');

-- Successes that changed nothing are bounded like refusals.
INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, refused, created_at)
SELECT :'cid', 'op', 'old ' || n, 'hash', 'OK', true, now() - interval '1 day' + n * interval '1 s' FROM generate_series(1, 1500) n;
SELECT is((SELECT string_agg(DISTINCT (platform.idempotency_end_unchanged(:'cid', 'op', 'new ' || n, 'hash', platform.ok('{}'))).outcome, ' ')
    FROM generate_series(1, 400) n), 'OK', 'success_that_changed_nothing_is_returned_as_it_is');
SELECT cmp_ok((SELECT count(*)::int FROM platform.idempotency WHERE user_id = :'cid'), '<=', 1200, 'successes_that_changed_nothing_are_bounded');

SELECT * FROM finish();
ROLLBACK;
