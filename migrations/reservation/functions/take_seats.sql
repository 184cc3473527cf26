-- reservation.take_seats(user, schedule, seats, total, run_out, queue_seq, ttl, now,
-- request_id): makes the reservation of seats that the caller has locked
-- and found to be had; run_out: the hold of one of them has run out. CREATED with
-- the Reservation, or QUEUE_TOKEN_USED, and nothing is changed: this place in the
-- queue has had its hold.
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
	v_taken	int;
	v_seats	json;
BEGIN
	-- Should two uses of one token get here in spite of the user's lock, the second
	-- waits here for the first one's end.
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
		-- Whose hold it was is none of our business (his row may be locked);
		-- the sweeper marks it EXPIRED.
		FOREACH v_seat IN ARRAY p_seats LOOP
			UPDATE reservation.reservation_seats c SET live = false
			WHERE c.schedule_id = p_schedule.schedule_id AND c.seat_id = v_seat AND c.live IS TRUE;
		END LOOP;
	END IF;

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
	SELECT count(*), json_agg(row_to_json(o) ORDER BY t.section_no, t.row_no, t.number) INTO v_taken, v_seats
	FROM taken t
	CROSS JOIN LATERAL (SELECT t.seat_id AS "seatId", t.section AS "section", t.row_label AS "row",
	    t.number AS "number", t.grade AS "grade", t.price AS "price") o;

	IF v_taken <> cardinality(p_seats) THEN
		-- Cannot be, they are locked; but then nothing of this may commit.
		RAISE EXCEPTION 'only % of % locked seats of schedule % could be taken', v_taken, cardinality(p_seats), p_schedule.schedule_id;
	END IF;
	RETURN platform.created(
	    reservation.reservation_object(v_made, p_schedule.concert_id, v_seats, NULL, NULL, p_now)::text, p_request_id);
END
$$;

-- The one before it, which only hold_seats called: it is replaced in this very transaction.
DROP FUNCTION IF EXISTS reservation.take_seats(uuid, uuid, uuid, uuid[], bigint, boolean, bigint, int, timestamptz, text);
