-- The functions for the queue service: whether the sale is open, and the state of a place.
BEGIN;
SELECT plan(21);
\ir include/reservation.psql

SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":8}]') AS s \gset
CREATE FUNCTION pg_temp.sale(p_schedule uuid) RETURNS text
LANGUAGE sql AS $$ SELECT (reservation.queue_sale(p_schedule)).body::json ->> 'status' $$;
CREATE FUNCTION pg_temp.facts(p_schedule uuid) RETURNS jsonb
LANGUAGE sql AS $$ SELECT (reservation.queue_facts(NULL, p_schedule)).body::jsonb $$;
CREATE FUNCTION pg_temp.ms(p_at timestamptz) RETURNS text
LANGUAGE sql AS $$ SELECT ceil(extract(epoch FROM p_at) * 1000)::bigint::text $$;

SELECT is(pg_temp.sale(:'s'), 'ON_SALE', 'schedule_is_ON_SALE');
SELECT is((reservation.queue_sale(:'s')).body::jsonb, pg_temp.facts(:'s') - 'seatsLeft', 'queue_sale_is_queue_facts_without_seats');
SELECT is(pg_temp.facts(:'s') ->> 'saleClosesAtMs', pg_temp.ms(start_at), 'sale_ends_at_the_start_by_default')
FROM reservation.schedules WHERE schedule_id = :'s';
UPDATE reservation.schedules SET sale_closes_at = now() + interval '1 hour' WHERE schedule_id = :'s';
SELECT is(pg_temp.facts(:'s') ->> 'saleClosesAtMs', pg_temp.ms(now() + interval '1 hour'), 'sale_ends_at_sale_closes_at');
SELECT is((reservation.queue_sale(:'s')).body::jsonb, pg_temp.facts(:'s') - 'seatsLeft', 'both_functions_answer_the_end_of_the_sale');
UPDATE reservation.schedules SET sale_closes_at = now() - interval '1 ms' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'CLOSED', 'sale_after_its_end_reads_CLOSED');
SELECT is(pg_temp.facts(:'s') ->> 'status', 'CLOSED', 'both_functions_read_CLOSED_after_the_sale');
UPDATE reservation.schedules SET sale_closes_at = NULL, start_at = now() - interval '1 ms' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'CLOSED', 'sale_of_a_begun_concert_reads_CLOSED');
SELECT is(pg_temp.facts(:'s') ->> 'status', 'CLOSED', 'both_functions_read_CLOSED_for_a_begun_concert');
UPDATE reservation.schedules SET start_at = now() + interval '1 day', status = 'CLOSED' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'CLOSED', 'sale_closed_by_an_operator_reads_CLOSED');
UPDATE reservation.schedules SET status = 'ON_SALE' WHERE schedule_id = :'s';
SELECT is(pg_temp.sale(:'s'), 'ON_SALE', 'sale_opened_by_an_operator_reads_ON_SALE');
SELECT is((reservation.queue_sale(:'nobody')).outcome, 'SCHEDULE_NOT_FOUND', 'unknown_schedule_is_SCHEDULE_NOT_FOUND');

-- The titles for operators.
SELECT is((reservation.queue_titles(ARRAY[:'s', :'nobody']::uuid[])).body::jsonb, jsonb_build_object('schedules', jsonb_build_array(
    jsonb_build_object('scheduleId', s.schedule_id, 'concertTitle', c.title, 'startAt', platform.rfc3339(s.start_at)))),
    'titles_are_those_of_the_schedules_that_exist')
FROM reservation.schedules s JOIN reservation.concerts c USING (concert_id) WHERE s.schedule_id = :'s';
SELECT is((reservation.queue_titles('{}')).body::jsonb, '{"schedules":[]}', 'no_schedules_have_no_titles');

-- The state of a place after a store loss.
SELECT is((reservation.queue_place_state(:'s', :'ann', 5)).outcome, 'OK', 'place_without_holds_is_OK');
SELECT is((pg_temp.hold(:'ann', :'s', pg_temp.seats(:'s', 'V-A-1'), 5)).outcome, 'CREATED', 'hold_is_made_with_place_5');
SELECT is((reservation.queue_place_state(:'s', :'ann', 5)).outcome, 'QUEUE_TOKEN_USED', 'place_of_the_hold_is_used');
SELECT is((reservation.queue_place_state(:'s', :'ann', 4)).outcome, 'QUEUE_TOKEN_EXPIRED', 'earlier_place_is_expired');
SELECT is((reservation.queue_place_state(:'s', :'ann', 6)).outcome, 'OK', 'later_place_is_OK');
SELECT is((reservation.queue_place_state(:'s', :'bob', 4)).outcome, 'OK', 'place_of_another_user_is_OK');
SELECT is((reservation.queue_place_used(:'s', :'ann', 4)).outcome, 'OK', 'earlier_place_itself_is_not_used');

SELECT * FROM finish();
ROLLBACK;
