-- Holds of chosen seats: the answers, the rows written, refusals that change nothing, and many holds in one statement.
BEGIN;
SELECT plan(63);
\ir include/reservation.psql

-- A hold.
SELECT pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-B-2', 'V-A-1'), 77) AS reply \gset h_
SELECT pg_temp.id(:'h_reply') AS held \gset
SELECT is((:'h_reply'::platform.reply).outcome, 'CREATED', 'hold_is_CREATED');
SELECT is((:'h_reply'::platform.reply).request_id, 'request', 'hold_has_its_request_id');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((:'h_reply'::platform.reply).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['reservationId', 'status', 'scheduleId', 'concertId', 'seats', 'totalAmount', 'expiresAt', 'holdTtlSeconds', 'holdSecondsLeft', 'payment', 'refund', 'createdAt'],
    'reservation_has_the_members_of_the_contract_in_order');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((:'h_reply'::platform.reply).body::json #> '{seats,0}') WITH ORDINALITY o (k, n)),
    ARRAY['seatId', 'section', 'row', 'number', 'grade', 'price'], 'seat_has_the_members_of_the_contract_in_order');
SELECT is((:'h_reply'::platform.reply).body::jsonb - 'reservationId' - 'concertId' - 'expiresAt' - 'createdAt', format('{"status":"HOLD",
    "scheduleId":"%s","totalAmount":250000,"holdTtlSeconds":300,"holdSecondsLeft":300,"payment":null,"refund":null,"seats":[
	{"seatId":"%s","section":"V","row":"A","number":1,"grade":"VIP","price":150000},
	{"seatId":"%s","section":"R","row":"B","number":2,"grade":"R","price":100000}]}',
    :'schedule', pg_temp.seat(:'schedule', 'V-A-1'), pg_temp.seat(:'schedule', 'R-B-2'))::jsonb, 'seats_are_from_front_to_back');
SELECT is(((:'h_reply'::platform.reply).body::json ->> 'expiresAt')::timestamptz - ((:'h_reply'::platform.reply).body::json ->> 'createdAt')::timestamptz,
    interval '5 minutes', 'hold_lasts_five_minutes');
SELECT is(pg_temp.at_first((reservation.get_reservation(:'ann', :'held')).body), (:'h_reply'::platform.reply).body, 'get_shows_the_reservation_as_created');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 1', 'held_seat_is_HOLD_with_the_next_epoch');
SELECT is(reservation.status_of(:'held'), 'HOLD', 'reservation_is_a_HOLD');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,0,available}', '19', 'one_VIP_seat_fewer_is_available');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_by_a_hold');

-- Refused holds change nothing.
CREATE TEMP TABLE before AS SELECT (SELECT json_agg(s ORDER BY s.seat_id) FROM reservation.seats s)::text AS seats,
    (SELECT count(*) FROM reservation.reservations) AS reservations, (SELECT count(*) FROM reservation.reservation_seats) AS claims;
CREATE FUNCTION pg_temp.refused(p_reply platform.reply) RETURNS text
LANGUAGE sql AS $$ SELECT (p_reply).outcome || coalesce(' ' || (p_reply).body, '') $$;
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'CLOSED') AS closed \gset
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'ON_SALE', now() + interval '1 minute') AS later \gset
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'ON_SALE', now()) AS opened \gset

SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))),
    format('SEAT_NOT_AVAILABLE {"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-A-1')), 'held_seat_is_refused');
SELECT is(pg_temp.refused(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))),
    format('SEAT_NOT_AVAILABLE {"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-A-1')), 'held_seat_is_refused_to_its_own_user');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-1', 'V-A-3'))),
    format('SEAT_NOT_AVAILABLE {"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-A-1')), 'refusal_names_the_one_taken_seat');
SELECT set_eq(format($$SELECT json_array_elements_text((%L::platform.reply).body::json -> 'unavailableSeatIds')::uuid$$,
	pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-1', 'R-B-2'))),
    pg_temp.seats(:'schedule', 'V-A-1', 'R-B-2'), 'refusal_names_both_taken_seats');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', ARRAY[:'nobody'::uuid])), 'SEAT_NOT_FOUND', 'unknown_seat_is_SEAT_NOT_FOUND');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1') || :'nobody'::uuid)), 'SEAT_NOT_FOUND', 'unknown_seat_beside_a_taken_one_is_SEAT_NOT_FOUND');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'opened', 'V-A-1'))), 'SEAT_NOT_FOUND', 'seat_of_another_schedule_is_SEAT_NOT_FOUND');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-2'))),
    'INVALID_REQUEST {"errors":[{"field":"seatIds","reason":"names a seat twice"}]}', 'seat_named_twice_is_invalid');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'nobody', ARRAY[:'nobody'::uuid])), 'SCHEDULE_NOT_FOUND', 'unknown_schedule_is_not_found');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'closed', pg_temp.seats(:'closed', 'V-A-1'))), 'SCHEDULE_NOT_ON_SALE', 'closed_schedule_is_refused');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'later', pg_temp.seats(:'later', 'V-A-1'))), 'SCHEDULE_NOT_ON_SALE', 'sale_that_has_not_opened_is_refused');
SELECT is(pg_temp.refused(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-2'), 77)), 'QUEUE_TOKEN_USED',
    'place_in_the_queue_holds_once');
SELECT is(pg_temp.refused(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-2'), 78, 300, NULL, 'hash', 'QUEUE_TOKEN_EXPIRED')),
    'QUEUE_TOKEN_EXPIRED', 'refusal_of_the_queue_is_answered');
SELECT is((SELECT json_agg(s ORDER BY s.seat_id) FROM reservation.seats s WHERE s.schedule_id NOT IN (:'closed', :'later', :'opened'))::text, b.seats,
    'refusals_change_no_seat') FROM before b;
SELECT is((SELECT count(*) FROM reservation.reservations), b.reservations, 'refusals_make_no_reservation') FROM before b;
SELECT is((SELECT count(*) FROM reservation.reservation_seats), b.claims, 'refusals_make_no_claim') FROM before b;

SELECT is((pg_temp.hold(:'bob', :'opened', pg_temp.seats(:'opened', 'V-A-1'), 77)).outcome, 'CREATED', 'sale_that_opens_now_is_open_to_the_place_of_another_user');
SELECT is((pg_temp.hold(:'ann', :'opened', pg_temp.seats(:'opened', 'V-A-2'), 77)).outcome, 'CREATED', 'same_place_in_another_schedule_is_another_place');
SELECT is((pg_temp.hold(:'cleo', :'opened', pg_temp.seats(:'opened', 'V-A-1'), 5)).outcome, 'SEAT_NOT_AVAILABLE', 'failed_hold_is_refused');
SELECT is((pg_temp.hold(:'cleo', :'opened', pg_temp.seats(:'opened', 'V-A-3'), 5)).outcome, 'CREATED', 'failed_hold_leaves_the_place_unused');
SELECT is((reservation.set_schedule_status(:'opened', 'CLOSED')).outcome, 'OK', 'schedule_is_closed');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'opened', pg_temp.seats(:'opened', 'V-A-4'))), 'SCHEDULE_NOT_ON_SALE', 'closed_schedule_refuses_more_holds');

-- With an idempotency key.
SELECT pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 101, 300, 'k1', 'h1', NULL, 'first') AS reply \gset k_
SELECT is((:'k_reply'::platform.reply).outcome, 'CREATED', 'hold_with_a_key_is_CREATED');
SELECT is(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 101, 300, 'k1', 'h1', NULL, 'second'),
    ROW('CREATED', (:'k_reply'::platform.reply).body, NULL, true, 'first')::platform.reply, 'hold_with_a_key_is_replayed_to_the_byte');
SELECT is(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 101, 300, 'k1', 'h1', 'QUEUE_TOKEN_USED', 'third'),
    ROW('CREATED', (:'k_reply'::platform.reply).body, NULL, true, 'first')::platform.reply, 'replay_comes_before_the_used_token');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-2'), 102, 300, 'k1', 'h2')), 'IDEMPOTENCY_KEY_REUSED', 'key_with_other_seats_is_refused');
SELECT is(pg_temp.state(:'schedule', 'V-B-2'), 'AVAILABLE, epoch 0', 'reused_key_leaves_seats_free');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k1', 'h1')).outcome, 'SEAT_NOT_AVAILABLE', 'key_belongs_to_its_user');
SELECT is((reservation.cancel(:'bob', pg_temp.id(:'k_reply'), 'r')).outcome, 'OK', 'seat_of_a_stored_refusal_is_free_again');
SELECT ok((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k1', 'h1')).replayed, 'definite_refusal_is_replayed');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k2', 'h1', 'QUEUE_TOKEN_NOT_ACTIVE')).outcome, 'QUEUE_TOKEN_NOT_ACTIVE', 'temporary_refusal_is_answered');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k2', 'h1')).outcome, 'CREATED', 'temporary_refusal_is_not_stored');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-3'), 103, 300, 'k3', 'h1')).outcome, 'QUEUE_TOKEN_USED', 'used_token_with_another_key_is_refused');
SELECT ok((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-3'), 103, 300, 'k3', 'h1')).replayed, 'used_token_with_another_key_stays_refused');

-- Forty holds in one statement, as the services send them: each has its own outcome.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":20}]') AS batch \gset
CREATE TEMP TABLE answers AS
SELECT r.n, o.* FROM (
	SELECT n, format('00000000-0000-7000-8000-%s', lpad(n::text, 12, '0'))::uuid AS user_id,
	       CASE WHEN n <= 20 THEN pg_temp.seats(:'batch', 'V-A-' || n)	-- each a seat
		    WHEN n <= 30 THEN pg_temp.seats(:'batch', 'V-A-' || n - 20)	-- seats of rows before, in the same statement
		    WHEN n <= 35 THEN ARRAY[:'nobody'::uuid]
		    ELSE pg_temp.seats(:'batch', 'V-A-' || n - 20) END AS seats,
	       CASE WHEN n > 35 THEN 'QUEUE_TOKEN_EXPIRED' END AS refusal
	FROM generate_series(1, 40) n ORDER BY n) r,
    LATERAL reservation.hold(r.user_id, :'batch', r.seats, NULL, NULL, 1, 300, NULL, NULL, r.refusal, 'request-' || r.n) o;
SELECT results_eq('SELECT outcome, count(*), min(n), max(n) FROM answers GROUP BY outcome ORDER BY min(n)',
    $$VALUES ('CREATED', 20::bigint, 1, 20), ('SEAT_NOT_AVAILABLE', 10, 21, 30), ('SEAT_NOT_FOUND', 5, 31, 35), ('QUEUE_TOKEN_EXPIRED', 5, 36, 40)$$,
    'each_of_forty_holds_has_its_own_outcome');
SELECT ok(bool_and(request_id = 'request-' || n), 'each_of_forty_holds_has_its_own_request_id') FROM answers;
SELECT is(count(DISTINCT body::json ->> 'reservationId'), 20::bigint, 'forty_holds_make_twenty_reservations') FROM answers WHERE outcome = 'CREATED';
CREATE TEMP TABLE same_token AS
SELECT n, o.* FROM generate_series(1, 5) n, LATERAL reservation.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-' || n), NULL, NULL, 900, 300, NULL, NULL, NULL, 'r', 0) o;
SELECT results_eq('SELECT outcome FROM same_token ORDER BY n', ARRAY['CREATED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_USED'],
    'token_used_five_times_in_a_statement_holds_once');
CREATE TEMP TABLE same_key AS
SELECT n, o.* FROM generate_series(1, 5) n, LATERAL reservation.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'S-A-1'), NULL, NULL, 901, 300, 'dup', 'h', NULL, 'r' || n) o;
SELECT results_eq('SELECT outcome, replayed FROM same_key ORDER BY n', $$VALUES ('CREATED', false), ('CREATED', true), ('CREATED', true), ('CREATED', true), ('CREATED', true)$$,
    'key_used_five_times_in_a_statement_holds_once');
SELECT is(count(DISTINCT body), 1::bigint, 'key_used_five_times_is_answered_to_the_byte') FROM same_key;

-- The caller's list.
SELECT reservation.list_reservations(:'ann', NULL, 2, NULL) AS reply \gset l_
SELECT is((:'l_reply'::platform.reply).body::json #>> '{items,0,reservationId}', (SELECT body::json ->> 'reservationId' FROM same_key WHERE n = 1), 'list_begins_with_the_newest_reservation');
SELECT is(json_array_length((:'l_reply'::platform.reply).body::json -> 'items'), 2, 'page_has_as_many_reservations_as_asked');
SELECT is((:'l_reply'::platform.reply).body::json ->> 'nextCursor', platform.cursor(((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid), 'page_has_a_cursor');
SELECT is((SELECT string_agg(i ->> 'reservationId', ' ') FROM json_array_elements((reservation.list_reservations(:'ann', NULL, 100,
	((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid)).body::json -> 'items') i),
    (SELECT string_agg(reservation_id::text, ' ' ORDER BY reservation_id DESC) FROM reservation.reservations
	WHERE user_id = :'ann' AND reservation_id < ((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid), 'next_page_has_no_gap');
SELECT is((reservation.list_reservations(:'nobody', NULL, 2, ((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid)).outcome,
    'INVALID_REQUEST', 'cursor_of_another_user_is_refused');
SELECT is((reservation.list_reservations(:'ann', NULL, 2, gen_random_uuid())).outcome, 'INVALID_REQUEST', 'cursor_that_is_no_reservation_is_refused');
SELECT is((reservation.list_reservations(:'ann', 'CONFIRMED', 20, NULL)).body, '{"items":[],"nextCursor":null}', 'list_of_CONFIRMED_is_empty');
SELECT is((reservation.list_reservations(:'nobody', NULL, 20, NULL)).body, '{"items":[],"nextCursor":null}', 'list_of_another_user_is_empty');
SELECT is((reservation.list_reservations(:'ann', 'HOLD', 100, NULL)).body::jsonb, (reservation.list_reservations(:'ann', NULL, 100, NULL)).body::jsonb, 'list_of_HOLD_has_all');
SELECT is((reservation.get_reservation(:'bob', :'held')).outcome, 'RESERVATION_NOT_FOUND', 'reservation_of_another_user_is_not_found');
SELECT is((reservation.get_reservation(:'ann', :'nobody')).outcome, 'RESERVATION_NOT_FOUND', 'unknown_reservation_is_not_found');
SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated');

SELECT * FROM finish();
ROLLBACK;
