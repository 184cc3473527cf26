-- The queue's questions: when the sale is open, and the state of a place.
BEGIN;
SELECT plan(19);
\ir include/reservation.psql

SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":8}]') AS s \gset
CREATE FUNCTION pg_temp.sale(p_schedule uuid) RETURNS text
LANGUAGE sql AS $$ SELECT (reservation.queue_sale(p_schedule)).body::json ->> 'status' $$;
CREATE FUNCTION pg_temp.facts(p_schedule uuid) RETURNS jsonb
LANGUAGE sql AS $$ SELECT (reservation.queue_facts(NULL, p_schedule)).body::jsonb $$;
CREATE FUNCTION pg_temp.ms(p_at timestamptz) RETURNS text
LANGUAGE sql AS $$ SELECT ceil(extract(epoch FROM p_at) * 1000)::bigint::text $$;

SELECT is(pg_temp.sale(:'s'), 'ON_SALE', 'a schedule is on sale');
SELECT is((reservation.queue_sale(:'s')).body::jsonb, pg_temp.facts(:'s') - 'seatsLeft', 'the small question is the large one without the seats');
SELECT is(pg_temp.facts(:'s') ->> 'saleClosesAtMs', pg_temp.ms(start_at), 'the sale ends when the concert begins')
FROM reservation.schedules WHERE schedule_id = :'s';
UPDATE reservation.schedules SET sale_closes_at = now() + interval '1 hour' WHERE schedule_id = :'s';
SELECT is(pg_temp.facts(:'s') ->> 'saleClosesAtMs', pg_temp.ms(now() + interval '1 hour'), 'or when it is said to');
SELECT is((reservation.queue_sale(:'s')).body::jsonb, pg_temp.facts(:'s') - 'seatsLeft', 'for both questions');
UPDATE reservation.schedules SET sale_closes_at = now() - interval '1 ms' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'CLOSED', 'after that it reads CLOSED');
SELECT is(pg_temp.facts(:'s') ->> 'status', 'CLOSED', 'for both questions');
UPDATE reservation.schedules SET sale_closes_at = NULL, start_at = now() - interval '1 ms' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'CLOSED', 'also where the concert has begun');
SELECT is(pg_temp.facts(:'s') ->> 'status', 'CLOSED', 'for both questions');
UPDATE reservation.schedules SET start_at = now() + interval '1 day', status = 'CLOSED' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'CLOSED', 'and where an operator has closed it');
UPDATE reservation.schedules SET status = 'ON_SALE' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'ON_SALE', 'until it is opened again');
SELECT is((reservation.queue_sale(:'nobody')).outcome, 'SCHEDULE_NOT_FOUND', 'an unknown schedule is SCHEDULE_NOT_FOUND');

-- Of a place after a store loss.
SELECT is((reservation.queue_place_state(:'s', :'ann', 5)).outcome, 'OK', 'nobody has held: the place may come back');
SELECT is((pg_temp.hold(:'ann', :'s', pg_temp.seats(:'s', 'V-A-1'), 5)).outcome, 'CREATED', 'a hold is made with place 5');
SELECT is((reservation.queue_place_state(:'s', :'ann', 5)).outcome, 'QUEUE_TOKEN_USED', 'its place is used');
SELECT is((reservation.queue_place_state(:'s', :'ann', 4)).outcome, 'QUEUE_TOKEN_EXPIRED', 'an earlier one had ended before');
SELECT is((reservation.queue_place_state(:'s', :'ann', 6)).outcome, 'OK', 'a later one may come back');
SELECT is((reservation.queue_place_state(:'s', :'bob', 4)).outcome, 'OK', 'so may another user''s');
SELECT is((reservation.queue_place_used(:'s', :'ann', 4)).outcome, 'OK', 'the place itself was not used');

SELECT * FROM finish();
ROLLBACK;
