-- reservation.take_seats(user, schedule, seats, total, run_out, queue_seq, ttl, now, request_id): makes the reservation
-- for seats that the caller has locked and found free. run_out: the hold of one of them has run out. total is in KRW,
-- ttl in seconds.
--   CREATED            the Reservation
--   QUEUE_TOKEN_USED   this place in the queue had its hold; nothing changes
CREATE OR REPLACE FUNCTION reservation.take_seats(
	p_user		uuid,
	p_schedule	reservation.schedules,
	p_seats		uuid[],
	p_total		bigint,
	p_run_out	boolean,
	p_queue_seq	bigint,
	p_ttl_seconds	int,
	p_now		timestamptz,
	p_request_id	text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_made	reservation.reservations;
	v_seat	uuid;
	v_taken	reservation.seats;
	v_count	int := 0;
	v_seats	text;
BEGIN
	-- If two uses of one token get here despite the user's lock, the second one waits here until the first has ended.
	INSERT INTO reservation.reservations (reservation_id, user_id, schedule_id, queue_seq,
	    total_amount, hold_ttl_seconds, hold_expires_at, created_at, seat_limit)
	VALUES (platform.uuid_v7(), p_user, p_schedule.schedule_id, p_queue_seq,
	    p_total, p_ttl_seconds, p_now + make_interval(secs => p_ttl_seconds), p_now, p_schedule.max_per_user)
	ON CONFLICT ON CONSTRAINT queue_token_used_once DO NOTHING
	RETURNING * INTO v_made;
	IF NOT FOUND THEN
		RETURN platform.refuse('QUEUE_TOKEN_USED', NULL, p_request_id);
	END IF;

	IF p_run_out THEN
		-- End the old claims, of these seats only: so a hold that lives keeps its claim, also if nobody had locked the seat.
		-- The old holds' rows may be locked, so the sweeper marks them EXPIRED.
		FOR v_seat IN
			SELECT s.seat_id FROM reservation.seats s
			WHERE s.seat_id = ANY (p_seats) AND s.status = 'HOLD' AND s.hold_expires_at <= p_now
		LOOP
			UPDATE reservation.reservation_seats c SET live = false
			WHERE c.schedule_id = p_schedule.schedule_id AND c.seat_id = v_seat AND c.live IS TRUE;
		END LOOP;
	END IF;

	-- PostgreSQL may plan this statement anew for each call, because its cost depends on the number of seats. So no
	-- function is inlined into it: that takes longer than the statement saves.
	FOR v_taken IN
		WITH taken AS (
			UPDATE reservation.seats s
			SET status = 'HOLD', reservation_id = v_made.reservation_id, hold_expires_at = v_made.hold_expires_at,
			    hold_epoch = s.hold_epoch + 1, changes = s.changes + 1, changed_xid = pg_current_xact_id()
			WHERE s.seat_id = ANY (p_seats) AND (s.schedule_id = p_schedule.schedule_id) IS TRUE
			  AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= p_now)
			RETURNING s.*),
		claimed AS (
			INSERT INTO reservation.reservation_seats (reservation_id, seat_id, schedule_id, hold_epoch)
			SELECT t.reservation_id, t.seat_id, t.schedule_id, t.hold_epoch FROM taken t)
		SELECT t.* FROM taken t ORDER BY t.section_no, t.row_no, t.number
	LOOP
		v_count := v_count + 1;
		v_seats := concat_ws(', ', v_seats, reservation.seat_json(v_taken.seat_id, v_taken.section, v_taken.row_label,
		    v_taken.number, v_taken.grade, v_taken.price));
	END LOOP;

	IF v_count <> cardinality(p_seats) THEN
		-- Impossible while the seats are locked. Raise, so that nothing of this commits.
		RAISE EXCEPTION 'only % of % locked seats of schedule % could be taken', v_count, cardinality(p_seats), p_schedule.schedule_id;
	END IF;
	RETURN platform.created(
	    reservation.reservation_object(v_made.reservation_id, 'HOLD', p_schedule.schedule_id, p_schedule.concert_id, v_seats,
		p_total, platform.rfc3339(v_made.hold_expires_at), p_ttl_seconds, p_ttl_seconds, NULL, NULL, platform.rfc3339(p_now)),
	    p_request_id);
END
$$;

-- An earlier signature. Only hold_seats called it, and this transaction replaces that function too.
DROP FUNCTION IF EXISTS reservation.take_seats(uuid, uuid, uuid, uuid[], bigint, boolean, bigint, int, timestamptz, text);
