-- Every shape of a claim is exactly live or dead. A shape is the reservation's state, before, at or after its end, with
-- a live claim or not, and the seat held, sold, free or another user's. Live: its owner has the seat, and no other user
-- can take it. Dead: its owner has nothing, and the seat can be taken unless another user has it. All other shapes are
-- impossible, and the invariants name each of them.
BEGIN;
SELECT plan(97);
\ir include/reservation.psql
SELECT pg_temp.seat(:'schedule', 'V-A-1') AS seat \gset
SELECT point.charge(:'ann', 1000000, 'charge', 'h', 'r');
-- Turns the guards off, so that the test can make impossible rows.
DROP INDEX reservation.one_live_claim_a_seat;

CREATE FUNCTION pg_temp.shape(p_user uuid, p_other uuid, p_third uuid, p_schedule uuid, p_seat uuid,
    p_state text, p_left interval, p_live boolean, p_seat_is text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_id	uuid;
	v_is	text;
	v_shown	text;
	v_pay	text;
	v_third	text;
	v_hurt	text;
BEGIN
	v_id := pg_temp.id(pg_temp.hold(p_user, p_schedule, ARRAY[p_seat]));
	IF p_state = 'CONFIRMED' THEN
		PERFORM payment.pay_by_points(p_user, v_id, 150000, NULL, NULL, 3, 'r');
	END IF;
	IF p_seat_is IN ('free', 'another''s') THEN
		UPDATE reservation.seats SET status = 'AVAILABLE', reservation_id = NULL, hold_expires_at = NULL WHERE seat_id = p_seat;
	END IF;
	IF p_seat_is = 'another''s' THEN
		PERFORM pg_temp.hold(p_other, p_schedule, ARRAY[p_seat]);
	END IF;
	UPDATE reservation.reservation_seats SET live = p_live WHERE reservation_id = v_id;
	UPDATE reservation.reservations SET status = p_state, hold_expires_at = clock_timestamp() + p_left,
	    cancelled_at = CASE WHEN p_state = 'CANCELLED' THEN now() END, expired_at = CASE WHEN p_state = 'EXPIRED' THEN now() END
	WHERE reservation_id = v_id;
	UPDATE reservation.seats s SET status = CASE p_seat_is WHEN 'held' THEN 'HOLD' ELSE 'SOLD_OUT' END,
	    hold_expires_at = CASE p_seat_is WHEN 'held' THEN r.hold_expires_at END
	FROM reservation.reservations r WHERE r.reservation_id = v_id AND s.seat_id = p_seat AND p_seat_is IN ('held', 'sold');

	v_hurt := pg_temp.hurt();
	v_is := reservation.status_of(v_id);
	v_shown := (reservation.get_reservation(p_user, v_id)).body::json ->> 'status';
	v_pay := (reservation.claim_for_payment(p_user, v_id, 150000)).outcome;
	v_third := (pg_temp.hold(p_third, p_schedule, ARRAY[p_seat])).outcome;
	RAISE EXCEPTION USING ERRCODE = 'P0001', MESSAGE = CASE
		WHEN v_hurt <> 'none' THEN 'impossible'
		WHEN v_is = v_shown AND (v_is, v_pay) IN (('HOLD', 'OK'), ('CONFIRMED', 'RESERVATION_ALREADY_PAID'))
		    AND v_third = 'SEAT_NOT_AVAILABLE' THEN 'live'
		WHEN v_is = v_shown AND (v_is, v_pay) IN (('EXPIRED', 'RESERVATION_EXPIRED'), ('CANCELLED', 'RESERVATION_CANCELLED'))
		    AND v_third = CASE p_seat_is WHEN 'another''s' THEN 'SEAT_NOT_AVAILABLE' ELSE 'CREATED' END THEN 'dead'
		ELSE format('is %s, shown %s, paid %s, another %s', v_is, v_shown, v_pay, v_third) END;
EXCEPTION WHEN raise_exception THEN
	RETURN SQLERRM;
END $$;

SELECT is(pg_temp.hurt(), 'none', 'no_invariant_is_violated_at_first');
SELECT is(pg_temp.shape(:'ann', :'bob', :'cleo', :'schedule', :'seat', state, at.left, live, seat_is), CASE
	WHEN state = 'HOLD' AND at.name = 'before' AND live AND seat_is = 'held' THEN 'live'
	WHEN state = 'CONFIRMED' AND live AND seat_is = 'sold' THEN 'live'
	-- The hold's time is over. It was not swept yet, or another hold has ended its claim.
	WHEN state = 'HOLD' AND at.name <> 'before' AND (live AND seat_is = 'held' OR NOT live AND seat_is IN ('free', 'another''s')) THEN 'dead'
	WHEN state IN ('CANCELLED', 'EXPIRED') AND NOT live AND seat_is IN ('free', 'another''s') THEN 'dead'
	ELSE 'impossible' END,
    format('claim_is_checked_(%s, %s its time, claim %s, seat %s)', state, at.name, CASE WHEN live THEN 'live' ELSE 'not live' END, seat_is))
FROM unnest(ARRAY['HOLD', 'CONFIRMED', 'CANCELLED', 'EXPIRED']) state,
    (VALUES ('before', interval '1 minute'), ('at', interval '0'), ('after', interval '-1 minute')) at (name, "left"),
    unnest(ARRAY[true, false]) live, unnest(ARRAY['held', 'sold', 'free', 'another''s']) seat_is;

SELECT * FROM finish();
ROLLBACK;
