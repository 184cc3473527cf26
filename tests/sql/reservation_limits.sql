-- How many seats of a schedule one user may have, how often a user's holds may end unpaid, and when the sale ends: by
-- seat ids and best available, for single holds (hold) and batches (hold_many).
BEGIN;
SELECT plan(100);
\ir include/reservation.psql

-- A schedule of 40 seats: V-A-1 to V-D-10.
CREATE FUNCTION pg_temp.hall(p_max int DEFAULT 4) RETURNS uuid LANGUAGE sql AS $$
	SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":4,"seatsPerRow":10}]', p_max_per_user => p_max)
$$;
CREATE FUNCTION pg_temp.said(p_reply platform.reply) RETURNS text LANGUAGE sql AS $$
	SELECT (p_reply).outcome || CASE WHEN (p_reply).outcome = 'CREATED' THEN '' ELSE coalesce(' ' || (p_reply).body, '') END
$$;
-- The answer to one user's hold of p_quantity free seats: chosen seats or the best available, alone or in a batch.
CREATE FUNCTION pg_temp.take(p_how text, p_user uuid, p_schedule uuid, p_quantity int, p_unpaid int DEFAULT 5, p_key text DEFAULT NULL)
RETURNS platform.reply LANGUAGE plpgsql AS $$
DECLARE
	v_seats	uuid[] := CASE WHEN p_how NOT LIKE '%best' THEN ARRAY(SELECT s.seat_id FROM reservation.seats s
	    WHERE s.schedule_id = p_schedule AND s.status = 'AVAILABLE' ORDER BY s.row_no, s.number LIMIT p_quantity) END;
	v_reply	platform.reply;
BEGIN
	IF p_how LIKE 'many%' THEN
		SELECT m.outcome, m.body, m.etag, m.replayed, m.request_id INTO v_reply
		FROM reservation.hold_many(ARRAY[p_user::text], ARRAY[p_schedule::text], ARRAY[v_seats::text],
		    ARRAY[CASE WHEN v_seats IS NULL THEN 'VIP' END], ARRAY[CASE WHEN v_seats IS NULL THEN p_quantity::text END],
		    ARRAY[nextval('pg_temp.queue_seqs')::text], ARRAY['300'], ARRAY[p_key], ARRAY['h'], ARRAY[NULL::text], ARRAY['r'],
		    ARRAY[p_unpaid::text]) m;
		RETURN v_reply;
	END IF;
	RETURN reservation.hold(p_user, p_schedule, v_seats, CASE WHEN v_seats IS NULL THEN 'VIP' END,
	    CASE WHEN v_seats IS NULL THEN p_quantity END, nextval('pg_temp.queue_seqs'), 300, p_key, 'h', NULL, 'r', p_unpaid);
END
$$;
-- Pays for a hold with points, or begins a payment by card.
CREATE FUNCTION pg_temp.pay(p_reservation uuid) RETURNS text LANGUAGE sql AS $$
	SELECT (payment.pay_by_points(r.user_id, r.reservation_id, r.total_amount, platform.uuid_v7()::text, 'h', 3, 'r')).outcome
	FROM (SELECT x.*, point.charge(x.user_id, 10000, platform.uuid_v7()::text, 'h', 'r')
	    FROM reservation.reservations x WHERE x.reservation_id = p_reservation OFFSET 0) r
$$;
CREATE FUNCTION pg_temp.begin_card(p_reservation uuid) RETURNS uuid LANGUAGE sql AS $$
	SELECT ((payment.begin_card(r.user_id, r.reservation_id, r.total_amount, 'card of ' || r.reservation_id, platform.uuid_v7()::text, 'h', 1000, 'r')).body::json ->> 'paymentId')::uuid
	FROM reservation.reservations r WHERE r.reservation_id = p_reservation
$$;
CREATE TEMP TABLE ways (how text);
INSERT INTO ways VALUES ('one'), ('one, best'), ('many'), ('many, best');

-- --- Seats ---------------------------------------------------------------------------

-- In each way: the user holds 3 of 4 seats, then 2 are refused, 1 more is held, then no more.
CREATE TEMP TABLE asked AS
SELECT w.how, pg_temp.hall() AS hall FROM ways w;
CREATE FUNCTION pg_temp.each(p_what text) RETURNS TABLE (how text, said text) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY EXECUTE 'SELECT a.how, (' || p_what || ')::text FROM asked a ORDER BY a.how';
END
$$;
-- Passes if all ways give the same answer, and names the ways that do not.
CREATE FUNCTION pg_temp.all_say(p_what text, p_want text, p_name text) RETURNS text LANGUAGE sql AS $$
	SELECT is((SELECT string_agg(e.how || ': ' || coalesce(e.said, 'NULL'), '; ') FROM pg_temp.each(p_what) e WHERE e.said IS DISTINCT FROM p_want), NULL, p_name)
$$;
CREATE FUNCTION pg_temp.as_ann(p_quantity int, p_unpaid int DEFAULT 5) RETURNS text LANGUAGE sql AS $$
	SELECT format('pg_temp.said(pg_temp.take(a.how, %L, a.hall, %s, %s))', '00000000-0000-7000-8000-0000000000a1', p_quantity, p_unpaid)
$$;
SELECT pg_temp.all_say(pg_temp.as_ann(5), 'SEAT_LIMIT_EXCEEDED {"limit":4,"owned":0}', 'more_seats_at_once_than_the_limit_are_refused');
SELECT pg_temp.all_say(pg_temp.as_ann(3), 'CREATED', 'seats_up_to_the_limit_are_held');
SELECT pg_temp.all_say(pg_temp.as_ann(2), 'SEAT_LIMIT_EXCEEDED {"limit":4,"owned":3}', 'second_hold_beyond_the_limit_is_refused');
SELECT pg_temp.all_say(pg_temp.as_ann(1), 'CREATED', 'second_hold_up_to_the_limit_succeeds');
SELECT pg_temp.all_say(pg_temp.as_ann(1), 'SEAT_LIMIT_EXCEEDED {"limit":4,"owned":4}', 'hold_at_the_limit_is_refused');
SELECT pg_temp.all_say('(SELECT count(*) FROM reservation.seats s WHERE s.schedule_id = a.hall AND s.status = ''HOLD'')', '4',
    'refused_hold_takes_no_seat');
SELECT pg_temp.all_say(format('pg_temp.said(pg_temp.take(a.how, %L, a.hall, 4))', :'bob'), 'CREATED', 'limit_counts_each_user_alone');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', pg_temp.hall(), 4)), 'CREATED', 'limit_counts_each_schedule_alone');

-- Confirmed seats and live holds count. Cancelled ones, and holds that ran out but are not swept yet, do not.
SELECT is(string_agg(pg_temp.pay(r.reservation_id), ' '), 'CREATED CREATED CREATED CREATED', 'three_held_seats_are_paid')
FROM reservation.reservations r JOIN asked a ON a.hall = r.schedule_id WHERE r.user_id = :'ann' AND r.total_amount = 3000;
SELECT pg_temp.all_say(pg_temp.as_ann(1), 'SEAT_LIMIT_EXCEEDED {"limit":4,"owned":4}', 'confirmed_seats_count_against_the_limit');
SELECT count(pg_temp.ends_in(r.reservation_id, '-1 millisecond')) AS ended FROM reservation.reservations r JOIN asked a ON a.hall = r.schedule_id
WHERE r.user_id = :'ann' AND r.total_amount = 1000 \gset
SELECT pg_temp.all_say(pg_temp.as_ann(2), 'SEAT_LIMIT_EXCEEDED {"limit":4,"owned":3}', 'unswept_run_out_hold_does_not_count');
SELECT pg_temp.all_say(pg_temp.as_ann(1), 'CREATED', 'unswept_run_out_hold_makes_room');
SELECT count(reservation.cancel(:'ann', r.reservation_id, 'r')) AS cancelled FROM reservation.reservations r JOIN asked a ON a.hall = r.schedule_id
WHERE r.user_id = :'ann' AND r.status = 'HOLD' AND r.hold_expires_at > clock_timestamp() \gset
SELECT pg_temp.all_say(pg_temp.as_ann(2), 'SEAT_LIMIT_EXCEEDED {"limit":4,"owned":3}', 'cancelled_hold_does_not_count');
SELECT pg_temp.all_say(pg_temp.as_ann(1), 'CREATED', 'cancelled_hold_makes_room');
SELECT is(string_agg(DISTINCT seat_limit::text, ' '), '4', 'reservation_keeps_the_limit_of_its_hold')
FROM reservation.reservations r JOIN asked a ON a.hall = r.schedule_id;

-- Several holds of one user in one batch beside others: each counts for the next.
CREATE FUNCTION pg_temp.batch(p_schedule uuid, p_users uuid[], p_quantities int[], p_best boolean[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_seats	text[] := '{}';
	v_from	int := 0;
BEGIN
	FOR i IN 1 .. cardinality(p_users) LOOP
		v_seats := v_seats || CASE WHEN NOT p_best[i] THEN ARRAY(SELECT s.seat_id FROM reservation.seats s
		    WHERE s.schedule_id = p_schedule AND s.status = 'AVAILABLE' ORDER BY s.row_no DESC, s.number OFFSET v_from LIMIT p_quantities[i])::text END;
		v_from := v_from + p_quantities[i];
	END LOOP;
	RETURN (SELECT string_agg(m.outcome, ' ' ORDER BY m.n)
	    FROM (SELECT array_agg(u::text ORDER BY i) AS users, array_agg(p_schedule::text) AS schedules,
		array_agg(CASE WHEN p_best[i] THEN 'VIP' END ORDER BY i) AS grades, array_agg(CASE WHEN p_best[i] THEN p_quantities[i]::text END ORDER BY i) AS quantities,
		array_agg(nextval('pg_temp.queue_seqs')::text) AS seqs, array_agg('300'::text) AS ttls, array_agg(NULL::text) AS none,
		array_agg('r'::text) AS requests, array_agg('5'::text) AS unpaid FROM unnest(p_users) WITH ORDINALITY x (u, i)) a,
	    LATERAL reservation.hold_many(a.users, a.schedules, v_seats, a.grades, a.quantities, a.seqs, a.ttls, a.none, a.none, a.none,
		a.requests, a.unpaid) m);
END
$$;
SELECT is(pg_temp.batch(pg_temp.hall(), ARRAY[:'ann', :'bob', :'ann', :'ann']::uuid[], '{3,4,2,1}', '{f,f,f,f}'),
    'CREATED CREATED SEAT_LIMIT_EXCEEDED CREATED', 'two_holds_of_one_user_in_a_batch_count_together');
SELECT is(pg_temp.batch(pg_temp.hall(), ARRAY[:'ann', :'bob', :'ann', :'bob']::uuid[], '{2,4,3,1}', '{f,t,t,f}'),
    'CREATED CREATED SEAT_LIMIT_EXCEEDED SEAT_LIMIT_EXCEEDED', 'chosen_and_best_seats_in_a_batch_count_together');
SELECT is(pg_temp.hurt(), 'none', 'granted_holds_violate_no_invariant');

-- A changed limit applies to the holds that are made after the change.
SELECT pg_temp.hall() AS hall \gset
SELECT is(pg_temp.said(pg_temp.take('one', :'ann', :'hall', 4)), 'CREATED', 'four_seats_are_held_under_a_limit_of_four');
UPDATE reservation.schedules SET max_per_user = 2 WHERE schedule_id = :'hall';
SELECT is(pg_temp.hurt(), 'none', 'lowered_limit_violates_no_invariant');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'hall', 1)), 'SEAT_LIMIT_EXCEEDED {"limit":2,"owned":4}', 'lowered_limit_applies_to_the_next_hold');
SELECT is((reservation.claim_for_payment(:'ann', (SELECT reservation_id FROM reservation.reservations WHERE schedule_id = :'hall'), 4000)).outcome, 'OK',
    'hold_made_before_the_change_may_be_paid');
UPDATE reservation.schedules SET max_per_user = 6 WHERE schedule_id = :'hall';
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'hall', 3)), 'SEAT_LIMIT_EXCEEDED {"limit":6,"owned":4}', 'raised_limit_applies_to_the_next_hold');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'hall', 2)), 'CREATED', 'raised_limit_makes_room');
SELECT is(pg_temp.hurt(), 'none', 'raised_limit_violates_no_invariant');
SELECT throws_ok(format('UPDATE reservation.schedules SET max_per_user = %s WHERE schedule_id = %L', n, :'hall'), '23514', NULL,
    format('limit_of_%s_is_refused', n)) FROM unnest(ARRAY[0, 101]) n;

-- The invariant finds more seats than the limit: seats forced in, with a claim and a reservation of the right price.
SELECT pg_temp.hall() AS forced \gset
SELECT pg_temp.id(pg_temp.take('one', :'ann', :'forced', 4)) AS first \gset
UPDATE reservation.schedules SET max_per_user = 8 WHERE schedule_id = :'forced';
SELECT pg_temp.id(pg_temp.take('one', :'ann', :'forced', 1)) AS second \gset
UPDATE reservation.reservations SET seat_limit = 4 WHERE reservation_id = :'second';
SELECT is(pg_temp.hurt(), 'a_user_has_no_more_seats_than_the_limit', 'more_seats_than_the_limit_violate_an_invariant');
SELECT pg_temp.ends_in(:'second', '-1 second');
SELECT is(pg_temp.hurt(), 'none', 'run_out_hold_ends_the_violation_of_the_limit');
UPDATE reservation.schedules SET max_per_user = 4 WHERE schedule_id = :'forced';

-- A hold that was claimed in time and ran out during its card payment no longer counts. If the user has taken other
-- seats since, it is not confirmed beyond the limit.
SELECT pg_temp.hall() AS late \gset
SELECT pg_temp.id(pg_temp.take('one', :'ann', :'late', 2)) AS late1, pg_temp.id(pg_temp.take('one', :'ann', :'late', 2)) AS late2 \gset
SELECT pg_temp.begin_card(:'late1') AS card1, pg_temp.begin_card(:'late2') AS card2 \gset
SELECT pg_temp.ends_in(:'late1', '-1 second'), pg_temp.ends_in(:'late2', '-1 second');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'late', 2)), 'CREATED', 'user_holds_other_seats_instead_of_run_out_ones');
SELECT is((payment.settle_card(:'ann', :'card1', 'CAPTURED', NULL, 3)).outcome, 'CREATED', 'late_confirm_within_the_limit_succeeds');
SELECT is((payment.settle_card(:'ann', :'card2', 'CAPTURED', NULL, 3)).outcome, 'RESERVATION_EXPIRED', 'late_confirm_beyond_the_limit_is_refused');
SELECT is((payment.get_payment(:'ann', :'card2')).body::json ->> 'status', 'REFUND_PENDING', 'late_confirm_beyond_the_limit_is_refunded');
SELECT is(reservation.owned_seats(:'ann', :'late', clock_timestamp()), 4, 'late_confirm_beyond_the_limit_leaves_the_user_at_the_limit');
SELECT is(reservation.status_of(:'late2') || (reservation.sweep(100)).outcome || pg_temp.hurt(), 'EXPIREDOKnone', 'refused_late_hold_is_swept');

-- --- Holds that end unpaid -----------------------------------------------------------

SELECT pg_temp.hall() AS paused \gset
-- Holds one seat and lets the hold end; returns the reservation's id.
CREATE FUNCTION pg_temp.unpaid(p_user uuid, p_schedule uuid, p_end text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	v_reservation	uuid := pg_temp.id(pg_temp.take('one', p_user, p_schedule, 1));
BEGIN
	IF p_end = 'cancelled' THEN
		PERFORM reservation.cancel(p_user, v_reservation, 'r');
	ELSIF p_end = 'failed' THEN
		PERFORM reservation.payment_failed(v_reservation, 1);
	ELSIF p_end = 'paid and cancelled' THEN
		PERFORM pg_temp.pay(v_reservation);
		PERFORM reservation.cancel(p_user, v_reservation, 'r');
	ELSE
		PERFORM pg_temp.ends_in(v_reservation, '-1 millisecond');
		IF p_end = 'swept' THEN
			PERFORM reservation.sweep(1000);
		END IF;
	END IF;
	RETURN v_reservation;
END
$$;
-- Moves the ends of a user's unpaid holds into the past by an interval.
CREATE FUNCTION pg_temp.ago(p_user uuid, p_schedule uuid, p_how_long interval) RETURNS void LANGUAGE sql AS $$
	UPDATE reservation.reservations SET cancelled_at = cancelled_at - p_how_long, hold_expires_at = hold_expires_at - p_how_long
	WHERE user_id = p_user AND schedule_id = p_schedule AND status IN ('CANCELLED', 'EXPIRED')
$$;
SELECT pg_temp.unpaid(:'ann', :'paused', e) FROM unnest(ARRAY['paid and cancelled', 'paid and cancelled', 'paid and cancelled', 'cancelled', 'failed', 'swept', 'swept']) e;
SELECT is(string_agg(pg_temp.said(pg_temp.take(w.how, :'bob', pg_temp.hall(), 1)), ' '), 'CREATED CREATED CREATED CREATED', 'another_user_has_no_pause') FROM ways w;
SELECT isnt(pg_temp.unpaid(:'ann', :'paused', 'run out'), NULL, 'fifth_hold_after_three_paid_ones_succeeds');
SELECT is(pg_temp.said(pg_temp.take(w.how, :'ann', :'paused', 1)), 'UNPAID_HOLD_LIMIT {"limit":5}',
    format('hold_after_five_unpaid_holds_is_refused_(%s)', w.how)) FROM ways w;
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', pg_temp.hall(), 1)), 'CREATED', 'pause_applies_to_one_schedule');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'paused', 1, 6)), 'CREATED', 'five_unpaid_holds_with_a_maximum_of_six_cause_no_pause');
SELECT is(pg_temp.said(pg_temp.take('one', :'ann', :'paused', 1, 0)), 'CREATED', 'maximum_of_zero_causes_no_pause');
SELECT is(pg_temp.said(pg_temp.take('one', :'ann', :'paused', 3)), 'SEAT_LIMIT_EXCEEDED {"limit":4,"owned":2}', 'seat_limit_is_checked_before_the_pause');
SELECT is((reservation.sweep(1000)).body, '{"expired":1}', 'fifth_unpaid_hold_is_swept');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'paused', 1)), 'UNPAID_HOLD_LIMIT {"limit":5}', 'sweep_does_not_change_the_pause');

-- The refusal is stored with its key like any definite answer, also after the pause.
SELECT pg_temp.take(h, :'ann', :'paused', 1, 5, 'key ' || h) FROM unnest(ARRAY['one', 'many']) h;

-- The pause ends ten minutes after the last of them ended, whenever the others ended.
SELECT pg_temp.ago(:'ann', :'paused', '9 minutes 50 seconds');
SELECT is(pg_temp.said(pg_temp.take(h, :'ann', :'paused', 1)), 'UNPAID_HOLD_LIMIT {"limit":5}', format('pause_lasts_ten_minutes_(%s)', h))
FROM unnest(ARRAY['one', 'many']) h;
SELECT pg_temp.ago(:'ann', :'paused', '10 seconds');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'paused', 1)), 'CREATED', 'hold_after_the_pause_succeeds');
SELECT is(pg_temp.said(r) || ' ' || (r).replayed, 'UNPAID_HOLD_LIMIT {"limit":5} true', format('refusal_by_the_pause_is_stored_(%s)', h))
FROM unnest(ARRAY['one', 'many']) h, LATERAL pg_temp.take(h, :'ann', :'paused', 1, 5, 'key ' || h) r;
SELECT pg_temp.ago(:'ann', :'paused', '1 day');
SELECT pg_temp.unpaid(:'ann', :'paused', 'cancelled');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'paused', 1)), 'UNPAID_HOLD_LIMIT {"limit":5}', 'next_unpaid_hold_begins_another_pause');
SELECT pg_temp.ago(:'ann', :'paused', '11 minutes');
SELECT pg_temp.unpaid(:'ann', :'paused', 'paid and cancelled');
SELECT is(pg_temp.said(pg_temp.take('many', :'ann', :'paused', 1, 6)), 'CREATED', 'paid_hold_begins_no_pause');

-- --- Order of refusals ---------------------------------------------------------------

SELECT pg_temp.hall(1) AS order_hall \gset
SELECT is((pg_temp.hold(:'ann', :'order_hall', pg_temp.seats(:'order_hall', 'V-A-1'), 7001)).outcome, 'CREATED', 'ann_holds_her_only_allowed_seat');
SELECT is((pg_temp.hold(:'ann', :'order_hall', pg_temp.seats(:'order_hall', 'V-A-2'), 7001)).outcome, 'QUEUE_TOKEN_USED', 'used_token_is_checked_before_the_limit');
SELECT is((pg_temp.hold(:'ann', :'order_hall', pg_temp.seats(:'order_hall', 'V-A-2'), 7002, p_refusal => 'QUEUE_TOKEN_EXPIRED')).outcome, 'QUEUE_TOKEN_EXPIRED', 'refusal_of_the_queue_is_checked_before_the_limit');
SELECT is((pg_temp.hold(:'ann', :'nobody', ARRAY[:'nobody'::uuid])).outcome, 'SCHEDULE_NOT_FOUND', 'unknown_schedule_is_checked_before_the_limit');
SELECT is((pg_temp.hold(:'ann', :'order_hall', ARRAY[:'nobody'::uuid])).outcome, 'SEAT_LIMIT_EXCEEDED', 'limit_is_checked_before_an_unknown_seat');
SELECT is((pg_temp.hold(:'ann', :'order_hall', pg_temp.seats(:'order_hall', 'V-A-1'))).outcome, 'SEAT_LIMIT_EXCEEDED', 'limit_is_checked_before_a_taken_seat');
UPDATE reservation.schedules SET status = 'CLOSED' WHERE schedule_id = :'order_hall';
SELECT is(pg_temp.said(pg_temp.take(w.how, :'ann', :'order_hall', 1)), 'SCHEDULE_NOT_ON_SALE', format('closed_sale_is_refused_before_the_limit_(%s)', w.how)) FROM ways w;

-- --- The end of the sale -------------------------------------------------------------

SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]', '2020-05-01T10:00:00Z') AS begun \gset
SELECT is(pg_temp.said(pg_temp.take(w.how, :'ann', :'begun', 1)), 'SCHEDULE_NOT_ON_SALE', format('sale_ends_when_the_concert_begins_(%s)', w.how)) FROM ways w;
SELECT pg_temp.hall() AS ending \gset
SELECT pg_temp.id(pg_temp.take('many', :'ann', :'ending', 1)) AS in_time \gset
UPDATE reservation.schedules SET sale_closes_at = clock_timestamp() WHERE schedule_id = :'ending';
SELECT is(pg_temp.said(pg_temp.take(w.how, :'bob', :'ending', 1)), 'SCHEDULE_NOT_ON_SALE', format('sale_ends_at_sale_closes_at_(%s)', w.how)) FROM ways w;
SELECT is(pg_temp.pay(:'in_time'), 'CREATED', 'hold_made_before_the_end_of_the_sale_may_be_paid');
UPDATE reservation.schedules SET sale_closes_at = clock_timestamp() + interval '1 minute', start_at = clock_timestamp() - interval '1 minute' WHERE schedule_id = :'ending';
SELECT is(pg_temp.said(pg_temp.take(w.how, :'bob', :'ending', 1)), 'CREATED', format('sale_closes_at_may_be_after_the_start_(%s)', w.how)) FROM ways w;
UPDATE reservation.schedules SET sale_closes_at = NULL WHERE schedule_id = :'ending';
SELECT is(pg_temp.said(pg_temp.take(w.how, :'bob', :'ending', 1)), 'SCHEDULE_NOT_ON_SALE', format('sale_without_sale_closes_at_follows_the_start_(%s)', w.how)) FROM ways w;
-- The opening, in each way.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1000,"rows":1,"seatsPerRow":10}]', p_opens => now() + interval '1 hour') AS early \gset
SELECT is(pg_temp.said(pg_temp.take(w.how, :'ann', :'early', 1)), 'SCHEDULE_NOT_ON_SALE', format('hold_before_the_opening_is_refused_(%s)', w.how)) FROM ways w;
SELECT is(count(*), 0::bigint, 'refused_holds_change_no_seat') FROM reservation.seats WHERE schedule_id IN (:'early', :'begun', :'order_hall') AND changes > 0
AND seat_id <> pg_temp.seat(:'order_hall', 'V-A-1');

-- --- The seconds a hold has left -----------------------------------------------------

SELECT pg_temp.hall() AS clock \gset
CREATE FUNCTION pg_temp.left_of(p_body text) RETURNS text LANGUAGE sql AS $$ SELECT coalesce((p_body::json -> 'holdSecondsLeft')::text, 'absent') $$;
SELECT is(pg_temp.left_of((pg_temp.take(w.how, ('00000000-0000-7000-8000-00000000000' || row_number() OVER ())::uuid, :'clock', 1)).body), '300', format('new_hold_has_all_its_seconds_(%s)', w.how)) FROM ways w;
SELECT pg_temp.take('many', :'ann', :'clock', 1, 5, 'seconds') AS first \gset s_
SELECT pg_temp.id(:'s_first') AS held \gset
-- What a statement shows while the hold has between 100.5 and 100.9 seconds left. If that took longer, it asks again.
CREATE FUNCTION pg_temp.with_100_seconds_left(p_reservation uuid, p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_shown	text;
BEGIN
	LOOP
		PERFORM pg_temp.ends_in(p_reservation, '100.9 seconds');
		EXECUTE p_sql INTO v_shown;
		EXIT WHEN clock_timestamp() < (SELECT hold_expires_at - interval '100.5 seconds' FROM reservation.reservations WHERE reservation_id = p_reservation);
	END LOOP;
	RETURN v_shown;
END $$;
SELECT is(pg_temp.with_100_seconds_left(:'held', format('SELECT pg_temp.left_of((reservation.get_reservation(%L, %L)).body)', :'ann', :'held')), '100',
    'seconds_are_cut_not_rounded');
SELECT ok((pg_temp.take('many', :'ann', :'clock', 1, 5, 'seconds')).body = (:'s_first'::platform.reply).body, 'replay_is_the_first_answer_to_the_byte');
SELECT is(pg_temp.with_100_seconds_left(:'held', format($$SELECT ((reservation.list_reservations(%L, 'HOLD', 1, NULL)).body::json #> '{items,0,holdSecondsLeft}')::text$$,
    :'ann')), '100', 'list_shows_the_seconds_left');
SELECT pg_temp.ends_in(:'held', '-1 millisecond');
SELECT is(pg_temp.left_of((reservation.get_reservation(:'ann', :'held')).body), 'null', 'run_out_hold_has_no_seconds_left');
SELECT pg_temp.id(pg_temp.take('many', :'ann', :'clock', 1)) AS held \gset
SELECT is(pg_temp.left_of((reservation.cancel(:'ann', :'held', 'r')).body), 'null', 'cancelled_hold_has_no_seconds_left');
SELECT is(pg_temp.left_of((reservation.cancel(:'ann', :'held', 'r')).body), 'null', 'told_again');
SELECT pg_temp.id(pg_temp.take('many', :'ann', :'clock', 1)) AS held \gset
SELECT pg_temp.pay(:'held') AS paid \gset
SELECT is(pg_temp.left_of((reservation.get_reservation(:'ann', :'held')).body), 'null', 'confirmed_reservation_has_no_seconds_left');

-- --- Instances of the release before -------------------------------------------------

SELECT pg_temp.hall() AS old \gset
SELECT pg_temp.unpaid(:'ann', :'old', 'cancelled') FROM generate_series(1, 5);
SELECT is((reservation.hold(:'ann', :'old', NULL, 'VIP', 1, 8001, 300, NULL, NULL, NULL, 'r')).outcome, 'UNPAID_HOLD_LIMIT', 'old_signature_uses_the_default_maximum');
SELECT is((SELECT string_agg(outcome, ' ' ORDER BY n) FROM reservation.hold_many(ARRAY[:'ann', :'bob'], ARRAY[:'old', :'old'], ARRAY[NULL, NULL]::text[],
    ARRAY['VIP', 'VIP'], ARRAY['1', '4'], ARRAY['8002', '8003'], ARRAY['300', '300'], ARRAY[NULL, NULL]::text[], ARRAY[NULL, NULL]::text[],
    ARRAY[NULL, NULL]::text[], ARRAY['r', 'r'])), 'UNPAID_HOLD_LIMIT CREATED', 'old_signature_for_many_uses_the_default_maximum');

SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_at_the_end');
SELECT * FROM finish();
ROLLBACK;
