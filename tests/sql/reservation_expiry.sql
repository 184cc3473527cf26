-- A hold is dead exactly at its time, whether or not anything has swept it; and
-- whoever is late changes nothing.
BEGIN;
SELECT plan(67);
\ir include/reservation.psql
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'V-A-2'))) AS a \gset

-- A moment before its time.
SELECT pg_temp.ends_in(:'a', '1 minute');
SELECT is(reservation.status_of(:'a'), 'HOLD', 'a moment before its time a hold is a HOLD');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 300000)).outcome, 'OK', 'may be paid');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'SEAT_NOT_AVAILABLE', 'and its seats are nobody else''s');
SELECT is((reservation.sweep(100)).body, '{"expired":0}', 'the sweeper leaves it alone');

-- Time is the database's own, at each call: nothing else happens between these.
-- What it is just before its end: asked again if the look came too late to say so.
CREATE FUNCTION pg_temp.status_before_its_end(p_reservation uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_status	text;
BEGIN
	LOOP
		PERFORM pg_temp.ends_in(p_reservation, '50 milliseconds');
		v_status := reservation.status_of(p_reservation);
		EXIT WHEN clock_timestamp() < (SELECT hold_expires_at FROM reservation.reservations WHERE reservation_id = p_reservation);
	END LOOP;
	RETURN v_status;
END $$;
SELECT is(pg_temp.status_before_its_end(:'a'), 'HOLD', 'with a moment left it lives');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'a';
SELECT is(reservation.status_of(:'a'), 'EXPIRED', 'at its end it is dead, though nobody wrote anything');

-- At its time, not swept.
SELECT is((reservation.get_reservation(:'ann', :'a')).body::json ->> 'status', 'EXPIRED', 'it is shown EXPIRED');
SELECT is((reservation.list_reservations(:'ann', 'EXPIRED', 20, NULL)).body::json #>> '{items,0,reservationId}', :'a', 'listed among the EXPIRED');
SELECT is((reservation.list_reservations(:'ann', 'HOLD', 20, NULL)).body, '{"items":[],"nextCursor":null}', 'not among the HOLDs');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 300000)).outcome, 'RESERVATION_EXPIRED', 'cannot be paid');
SELECT is((reservation.claim_for_payment(:'ann', :'a', 1)).outcome, 'RESERVATION_EXPIRED', 'with no amount');
SELECT is((reservation.cancel(:'ann', :'a', 'r')).outcome, 'RESERVATION_EXPIRED', 'nor cancelled');
SELECT is((reservation.get_schedule(:'schedule')).body::json #>> '{remaining,0,available}', '20', 'all seats are counted as left');
SELECT is((reservation.queue_facts(NULL, :'schedule')).body::json ->> 'seatsLeft', '33', 'for the queue too');
SELECT is((reservation.seat_map(:'schedule', NULL)).body::json #>> '{sections,0,rows,0,seats,0,status}', 'AVAILABLE', 'and AVAILABLE on the map');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 1', 'though the row still says HOLD');
SELECT is(pg_temp.hurt(), 'none', 'which hurts no invariant');

-- Somebody else takes one of its two seats.
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1', 'V-A-3'))) AS b \gset
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 2', 'a seat whose hold has run out is to be had at once');
SELECT is(pg_temp.hurt(), 'none', 'its old claim has gone');
SELECT is(reservation.status_of(:'a'), 'EXPIRED', 'the old hold stays dead');

-- The late ones: the clock is put back for the old hold, so that only the epoch speaks.
UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() + interval '1 minute' WHERE reservation_id = :'a';
CREATE TEMP TABLE before AS SELECT json_agg(s ORDER BY s.seat_id)::text AS seats FROM reservation.seats s;
SELECT is((reservation.claim_for_payment(:'ann', :'a', 300000)).outcome, 'RESERVATION_EXPIRED', 'even if its clock stood still: a seat is no longer its own, it cannot be paid');
SELECT is((reservation.confirm(:'a', platform.uuid_v7())).outcome, 'RESERVATION_EXPIRED', 'a late confirm names an old epoch');
SELECT is((SELECT json_agg(s ORDER BY s.seat_id)::text FROM reservation.seats s), seats, 'and changes nothing') FROM before;
SELECT is((reservation.payment_failed(:'a', 1)).body, '{"status":"HOLD","failedPayments":1}', 'a late failure is counted');
SELECT is((reservation.cancel(:'ann', :'a', 'r')).outcome, 'RESERVATION_EXPIRED', 'a late cancel is refused');
SELECT is((SELECT json_agg(s ORDER BY s.seat_id)::text FROM reservation.seats s), seats, 'neither frees a seat') FROM before;
SELECT pg_temp.ends_in(:'a', '-1 second');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'the sweeper');
SELECT is(pg_temp.state(:'schedule', 'V-A-1'), 'HOLD, epoch 2', 'does not free the seat that is another''s');
SELECT is(pg_temp.state(:'schedule', 'V-A-2'), 'AVAILABLE, epoch 1', 'only the one that was still its own');
SELECT is(reservation.status_of(:'b'), 'HOLD', 'the other''s hold stands');
SELECT is(pg_temp.hurt(), 'none', 'no invariant is hurt');

-- Sweeping.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-1', 'R-A-2'))) AS c \gset
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-B-1'))) AS d \gset
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'R-B-2'))) AS e \gset
SELECT pg_temp.ends_in(:'c', '-3 seconds'), pg_temp.ends_in(:'d', '-2 seconds'), pg_temp.ends_in(:'e', '-1 second');
SELECT is((reservation.sweep(2)).body, '{"expired":2}', 'the sweeper takes no more than its limit');
SELECT results_eq(format('SELECT status, expired_at IS NOT NULL FROM reservation.reservations WHERE reservation_id IN (%L, %L, %L) ORDER BY reservation_id', :'c', :'d', :'e'),
    $$VALUES ('EXPIRED', true), ('EXPIRED', true), ('HOLD', false)$$, 'those that died first');
SELECT is(pg_temp.state(:'schedule', 'R-A-2'), 'AVAILABLE, epoch 1', 'their seats are AVAILABLE');
SELECT is_empty(format('SELECT 1 FROM reservation.reservation_seats WHERE reservation_id = %L AND live', :'c'), 'their claims are gone');
SELECT is((reservation.sweep(2)).body, '{"expired":1}', 'then the rest');
SELECT is((reservation.sweep(2)).body, '{"expired":0}', 'then there is nothing to do');
SELECT is((reservation.claim_for_payment(:'ann', :'d', 100000)).outcome, 'RESERVATION_EXPIRED', 'a swept hold cannot be paid');
SELECT is((reservation.cancel(:'ann', :'d', 'r')).outcome, 'RESERVATION_EXPIRED', 'nor cancelled');
SELECT is((reservation.confirm(:'d', platform.uuid_v7())).outcome, 'RESERVATION_EXPIRED', 'nor confirmed');
SELECT is((reservation.payment_failed(:'d', 1)).body, '{"status":"EXPIRED","failedPayments":0}', 'nor does a failure count');
SELECT is((reservation.get_reservation(:'ann', :'c')).body::json #>> '{seats,1,number}', '2', 'it still shows the seats it had');

-- A hold of which one seat has been taken again is swept without touching that one.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'R-A-3', 'R-A-4'))) AS f \gset
SELECT pg_temp.ends_in(:'f', '-1 second');
SELECT pg_temp.id(pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'R-A-4'))) AS g \gset
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'a hold that has lost a seat is swept');
SELECT is(pg_temp.state(:'schedule', 'R-A-3'), 'AVAILABLE, epoch 1', 'the seat that was its own is freed');
SELECT is(pg_temp.state(:'schedule', 'R-A-4'), 'HOLD, epoch 2', 'the other is not');
SELECT is((reservation.claim_for_payment(:'bob', :'g', 100000)).outcome, 'OK', 'and its new holder may pay');

-- All seats of a dead hold taken again, by two others.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'S-A-1', 'S-A-2'))) AS h \gset
SELECT pg_temp.ends_in(:'h', '-1 second');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'S-A-1'))).outcome, 'CREATED', 'both seats of a dead hold');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'S-A-2'))).outcome, 'CREATED', 'go to two others');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'and it is swept');
SELECT is(pg_temp.hurt(), 'none', 'no invariant is hurt');

-- A used token lets nothing go: whatever it wants, it is told so, before and after a sweep all is as it was.
SELECT pg_temp.id(pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-B-9', 'V-B-10'))) AS k \gset
SELECT pg_temp.ends_in(:'k', '-1 second');
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-B-8'), 4711)).outcome, 'CREATED', 'bob uses his token');
SELECT is((pg_temp.hold(:'bob', :'schedule', s, 4711)).outcome, 'QUEUE_TOKEN_USED', 'then wants ' || what)
FROM (VALUES ('a seat whose hold has run out', pg_temp.seats(:'schedule', 'V-B-9')), ('that and one he has', pg_temp.seats(:'schedule', 'V-B-8', 'V-B-9')),
    ('one he has', pg_temp.seats(:'schedule', 'V-B-8')), ('one that is not there', ARRAY[:'nobody'::uuid])) w (what, s);
SELECT is(pg_temp.hurt(), 'none', 'no claim has gone without its seat');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'the hold that has run out is swept');
SELECT is(pg_temp.hurt(), 'none', 'and no invariant is hurt');
SELECT is((pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-9'))).outcome, 'CREATED', 'who has a token has the seat');

-- Best available finds what has run out, too.
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'S-A-3'))) AS i \gset
SELECT is((pg_temp.hold_best(:'ann', :'schedule', 'S', 1)).outcome, 'SEAT_NOT_AVAILABLE', 'all seats of a grade are held');
SELECT pg_temp.ends_in(:'i', '-1 millisecond');
SELECT is(pg_temp.places(pg_temp.hold_best(:'ann', :'schedule', 'S', 1)), 'S-A-3', 'the one whose hold has run out is found');
SELECT is(reservation.status_of(:'i'), 'EXPIRED', 'the dead hold stays dead');
SELECT is((reservation.sweep(100)).body, '{"expired":1}', 'and is swept like any other');

-- A confirmed reservation never expires.
SELECT pg_temp.id(pg_temp.hold(:'cleo', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'))) AS j \gset
SELECT is((reservation.confirm(:'j', platform.uuid_v7())).outcome, 'OK', 'a confirmed one');
UPDATE reservation.reservations SET hold_expires_at = clock_timestamp() - interval '1 day' WHERE reservation_id = :'j';
SELECT is((reservation.sweep(100)).body, '{"expired":0}', 'is not swept');
SELECT is(reservation.status_of(:'j'), 'CONFIRMED', 'and stays CONFIRMED');
SELECT is((pg_temp.hold(:'ann', :'schedule', pg_temp.seats(:'schedule', 'V-B-1'))).outcome, 'SEAT_NOT_AVAILABLE', 'its seat is sold');

SELECT * FROM finish();
ROLLBACK;
