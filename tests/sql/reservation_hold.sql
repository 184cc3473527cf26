-- Holding named seats: what is answered, what is written, what is refused and
-- then changes nothing; and the hold of many rows in one statement.
BEGIN;
SELECT plan(63);
\ir include/reservation.psql

-- A hold.
SELECT pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-B-2', 'V-A-1'), 77) AS reply \gset h_
SELECT pg_temp.id(:'h_reply') AS held \gset
SELECT is((:'h_reply'::platform.reply).outcome, 'CREATED', 'a hold is CREATED');
SELECT is((:'h_reply'::platform.reply).request_id, 'request', 'with its request''s id');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((:'h_reply'::platform.reply).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['reservationId', 'status', 'scheduleId', 'concertId', 'seats', 'totalAmount', 'expiresAt', 'holdTtlSeconds', 'holdSecondsLeft', 'payment', 'refund', 'createdAt'],
    'its Reservation has the contract''s members in their order');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((:'h_reply'::platform.reply).body::json #> '{seats,0}') WITH ORDINALITY o (k, n)),
    ARRAY['seatId', 'section', 'row', 'number', 'grade', 'price'], 'so has a seat');
SELECT is((:'h_reply'::platform.reply).body::jsonb - 'reservationId' - 'concertId' - 'expiresAt' - 'createdAt', format('{"status":"HOLD",
    "scheduleId":"%s","totalAmount":250000,"holdTtlSeconds":300,"holdSecondsLeft":300,"payment":null,"refund":null,"seats":[
	{"seatId":"%s","section":"V","row":"A","number":1,"grade":"VIP","price":150000},
	{"seatId":"%s","section":"R","row":"B","number":2,"grade":"R","price":100000}]}',
    :'schedule', pg_temp.seat(:'schedule', 'V-A-1'), pg_temp.seat(:'schedule', 'R-B-2'))::jsonb, 'of these seats, in the house''s order');
SELECT is(((:'h_reply'::platform.reply).body::json ->> 'expiresAt')::timestamptz - ((:'h_reply'::platform.reply).body::json ->> 'createdAt')::timestamptz,
    interval '5 minutes', 'for five minutes');
SELECT is(pg_temp.at_first((reservation.get_reservation(:'ann', :'held')).body), (:'h_reply'::platform.reply).body, 'and is shown so afterwards');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 1', 'the seat is on HOLD, its epoch has gone up');
SELECT is(reservation.status_of(:'held'), 'HOLD', 'the reservation too');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,0,available}', '19', 'one VIP seat fewer is left');
SELECT is(pg_temp.hurt(), 'none', 'no invariant is hurt');

-- What is refused, and changes nothing.
CREATE TEMP TABLE before AS SELECT (SELECT json_agg(s ORDER BY s.seat_id) FROM reservation.seats s)::text AS seats,
    (SELECT count(*) FROM reservation.reservations) AS reservations, (SELECT count(*) FROM reservation.reservation_seats) AS claims;
CREATE FUNCTION pg_temp.refused(p_reply platform.reply) RETURNS text
LANGUAGE sql AS $$ SELECT (p_reply).outcome || coalesce(' ' || (p_reply).body, '') $$;
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'CLOSED') AS closed \gset
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'ON_SALE', now() + interval '1 minute') AS later \gset
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":1,"seatsPerRow":4}]', now() + interval '1 day', 'ON_SALE', now()) AS opened \gset

SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))),
    format('SEAT_NOT_AVAILABLE {"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-A-1')), 'a held seat is not to be had');
SELECT is(pg_temp.refused(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))),
    format('SEAT_NOT_AVAILABLE {"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-A-1')), 'not by who holds it either');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-1', 'V-A-3'))),
    format('SEAT_NOT_AVAILABLE {"unavailableSeatIds":["%s"]}', pg_temp.seat(:'schedule', 'V-A-1')), 'all or none: the one of three is named');
SELECT set_eq(format($$SELECT json_array_elements_text((%L::platform.reply).body::json -> 'unavailableSeatIds')::uuid$$,
	pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-1', 'R-B-2'))),
    pg_temp.seats(:'schedule', 'V-A-1', 'R-B-2'), 'both of three are named');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', ARRAY[:'nobody'::uuid])), 'SEAT_NOT_FOUND', 'an unknown seat');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1') || :'nobody'::uuid)), 'SEAT_NOT_FOUND', 'also beside one that is taken');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'opened', 'V-A-1'))), 'SEAT_NOT_FOUND', 'another schedule''s seat');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-2', 'V-A-2'))),
    'INVALID_REQUEST {"errors":[{"field":"seatIds","reason":"names a seat twice"}]}', 'one seat twice');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'nobody', ARRAY[:'nobody'::uuid])), 'SCHEDULE_NOT_FOUND', 'an unknown schedule');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'closed', pg_temp.seats(:'closed', 'V-A-1'))), 'SCHEDULE_NOT_ON_SALE', 'a closed schedule');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'later', pg_temp.seats(:'later', 'V-A-1'))), 'SCHEDULE_NOT_ON_SALE', 'a sale that has not opened');
SELECT is(pg_temp.refused(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-2'), 77)), 'QUEUE_TOKEN_USED',
    'a place in the queue is good for one hold');
SELECT is(pg_temp.refused(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-2'), 78, 300, NULL, 'hash', 'QUEUE_TOKEN_EXPIRED')),
    'QUEUE_TOKEN_EXPIRED', 'what the queue says against the token is answered');
SELECT is((SELECT json_agg(s ORDER BY s.seat_id) FROM reservation.seats s WHERE s.schedule_id NOT IN (:'closed', :'later', :'opened'))::text, b.seats,
    'none of these changed a seat') FROM before b;
SELECT is((SELECT count(*) FROM reservation.reservations), b.reservations, 'or made a reservation') FROM before b;
SELECT is((SELECT count(*) FROM reservation.reservation_seats), b.claims, 'or a claim') FROM before b;

SELECT is((pg_temp.hold(:'bob', :'opened', pg_temp.seats(:'opened', 'V-A-1'), 77)).outcome, 'CREATED', 'a sale that opens now is open; another''s place is another place');
SELECT is((pg_temp.hold(:'ann', :'opened', pg_temp.seats(:'opened', 'V-A-2'), 77)).outcome, 'CREATED', 'of another schedule too');
SELECT is((pg_temp.hold(:'cleo', :'opened', pg_temp.seats(:'opened', 'V-A-1'), 5)).outcome, 'SEAT_NOT_AVAILABLE', 'a hold that fails');
SELECT is((pg_temp.hold(:'cleo', :'opened', pg_temp.seats(:'opened', 'V-A-3'), 5)).outcome, 'CREATED', 'leaves the place in the queue good');
SELECT is((reservation.set_schedule_status(:'opened', 'CLOSED')).outcome, 'OK', 'once it is closed');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'opened', pg_temp.seats(:'opened', 'V-A-4'))), 'SCHEDULE_NOT_ON_SALE', 'nothing more is held');

-- With an idempotency key.
SELECT pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 101, 300, 'k1', 'h1', NULL, 'first') AS reply \gset k_
SELECT is((:'k_reply'::platform.reply).outcome, 'CREATED', 'a hold with a key');
SELECT is(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 101, 300, 'k1', 'h1', NULL, 'second'),
    ROW('CREATED', (:'k_reply'::platform.reply).body, NULL, true, 'first')::platform.reply, 'is answered again, to the byte, with the first request''s id');
SELECT is(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 101, 300, 'k1', 'h1', 'QUEUE_TOKEN_USED', 'third'),
    ROW('CREATED', (:'k_reply'::platform.reply).body, NULL, true, 'first')::platform.reply, 'also when the queue says the token is used: by it');
SELECT is(pg_temp.refused(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-2'), 102, 300, 'k1', 'h2')), 'IDEMPOTENCY_KEY_REUSED', 'the key for other seats is refused');
SELECT is(pg_temp.state(:'schedule', 'V-B-2'), 'AVAILABLE, epoch 0', 'which stay free');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k1', 'h1')).outcome, 'SEAT_NOT_AVAILABLE', 'the key is each user''s own');
SELECT is((reservation.cancel(:'bob', pg_temp.id(:'k_reply'), 'r')).outcome, 'OK', 'when the seat is free again');
SELECT ok((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k1', 'h1')).replayed, 'a definite refusal is still answered with its key');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k2', 'h1', 'QUEUE_TOKEN_NOT_ACTIVE')).outcome, 'QUEUE_TOKEN_NOT_ACTIVE', 'one for now');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'), 103, 300, 'k2', 'h1')).outcome, 'CREATED', 'is not kept: the same key may succeed');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-3'), 103, 300, 'k3', 'h1')).outcome, 'QUEUE_TOKEN_USED', 'the token used with another key');
SELECT ok((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-3'), 103, 300, 'k3', 'h1')).replayed, 'stays used');

-- Forty rows in one statement, as the services send them: each has its own outcome.
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
    'of forty holds in one statement each has its own outcome');
SELECT ok(bool_and(request_id = 'request-' || n), 'and its own request''s id') FROM answers;
SELECT is(count(DISTINCT body::json ->> 'reservationId'), 20::bigint, 'twenty reservations') FROM answers WHERE outcome = 'CREATED';
CREATE TEMP TABLE same_token AS
SELECT n, o.* FROM generate_series(1, 5) n, LATERAL reservation.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-' || n), NULL, NULL, 900, 300, NULL, NULL, NULL, 'r', 0) o;
SELECT results_eq('SELECT outcome FROM same_token ORDER BY n', ARRAY['CREATED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_USED', 'QUEUE_TOKEN_USED'],
    'one token five times in one statement: one hold');
CREATE TEMP TABLE same_key AS
SELECT n, o.* FROM generate_series(1, 5) n, LATERAL reservation.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'S-A-1'), NULL, NULL, 901, 300, 'dup', 'h', NULL, 'r' || n) o;
SELECT results_eq('SELECT outcome, replayed FROM same_key ORDER BY n', $$VALUES ('CREATED', false), ('CREATED', true), ('CREATED', true), ('CREATED', true), ('CREATED', true)$$,
    'one key five times in one statement: one hold, answered five times');
SELECT is(count(DISTINCT body), 1::bigint, 'to the byte') FROM same_key;

-- The caller's list.
SELECT reservation.list_reservations(:'ann', NULL, 2, NULL) AS reply \gset l_
SELECT is((:'l_reply'::platform.reply).body::json #>> '{items,0,reservationId}', (SELECT body::json ->> 'reservationId' FROM same_key WHERE n = 1), 'a list begins with the newest');
SELECT is(json_array_length((:'l_reply'::platform.reply).body::json -> 'items'), 2, 'has as many as asked');
SELECT is((:'l_reply'::platform.reply).body::json ->> 'nextCursor', platform.cursor(((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid), 'and where it goes on');
SELECT is((SELECT string_agg(i ->> 'reservationId', ' ') FROM json_array_elements((reservation.list_reservations(:'ann', NULL, 100,
	((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid)).body::json -> 'items') i),
    (SELECT string_agg(reservation_id::text, ' ' ORDER BY reservation_id DESC) FROM reservation.reservations
	WHERE user_id = :'ann' AND reservation_id < ((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid), 'there, with no gap');
SELECT is((reservation.list_reservations(:'nobody', NULL, 2, ((:'l_reply'::platform.reply).body::json #>> '{items,1,reservationId}')::uuid)).outcome,
    'INVALID_REQUEST', 'another user''s place is no cursor');
SELECT is((reservation.list_reservations(:'ann', NULL, 2, gen_random_uuid())).outcome, 'INVALID_REQUEST', 'nor is any id');
SELECT is((reservation.list_reservations(:'ann', 'CONFIRMED', 20, NULL)).body, '{"items":[],"nextCursor":null}', 'none is CONFIRMED');
SELECT is((reservation.list_reservations(:'nobody', NULL, 20, NULL)).body, '{"items":[],"nextCursor":null}', 'another user has none');
SELECT is((reservation.list_reservations(:'ann', 'HOLD', 100, NULL)).body::jsonb, (reservation.list_reservations(:'ann', NULL, 100, NULL)).body::jsonb, 'all are HOLD');
SELECT is((reservation.get_reservation(:'bob', :'held')).outcome, 'RESERVATION_NOT_FOUND', 'another''s reservation is not found');
SELECT is((reservation.get_reservation(:'ann', :'nobody')).outcome, 'RESERVATION_NOT_FOUND', 'one that is not is not either');
SELECT is(pg_temp.hurt(), 'none', 'after all this no invariant is hurt');

SELECT * FROM finish();
ROLLBACK;
