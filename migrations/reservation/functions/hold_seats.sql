-- reservation.hold_seats(user, schedule, seat_ids, grade, quantity, queue_seq, ttl, unpaid_holds_max, request_id): the
-- work of reservation.hold after the idempotency key and the queue's refusal; the same outcomes. ttl is in seconds. The
-- caller has locked the user. Locks the seats.
CREATE OR REPLACE FUNCTION reservation.hold_seats(
	p_user		uuid,
	p_schedule	uuid,
	p_seat_ids	uuid[],
	p_grade		text,
	p_quantity	int,
	p_queue_seq	bigint,
	p_ttl_seconds	int,
	p_unpaid_holds_max int,
	p_request_id	text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	-- Read once: all checks use the same time, and a hold that ends during the call does not help this request.
	v_now		timestamptz := clock_timestamp();
	v_schedule	reservation.schedules;
	v_seats		uuid[];
	v_there		int;
	v_not_free	uuid[];
	v_run_out	uuid[];		-- the seats whose holds have run out, by a look before the locks
	v_lock		record;
	v_refusal	platform.reply;
BEGIN
	-- The token comes first: a used token is QUEUE_TOKEN_USED, also if the seats are taken.
	PERFORM FROM reservation.reservations r
	WHERE r.schedule_id = p_schedule AND r.user_id = p_user AND r.queue_seq = p_queue_seq;
	IF FOUND THEN
		RETURN platform.refuse('QUEUE_TOKEN_USED', NULL, p_request_id);
	END IF;

	SELECT * INTO v_schedule FROM reservation.schedules s WHERE s.schedule_id = p_schedule;
	IF NOT FOUND THEN
		RETURN platform.refuse('SCHEDULE_NOT_FOUND', NULL, p_request_id);
	ELSIF v_schedule.status <> 'ON_SALE' OR v_schedule.sale_opens_at > v_now
	    OR coalesce(v_schedule.sale_closes_at, v_schedule.start_at) <= v_now THEN
		RETURN platform.refuse('SCHEDULE_NOT_ON_SALE', NULL, p_request_id);
	END IF;

	-- Before the seats: a refused user learns nothing about them and locks none.
	v_refusal := reservation.limit_refusal(p_user, p_schedule, coalesce(cardinality(p_seat_ids), p_quantity),
	    v_schedule.max_per_user, p_unpaid_holds_max, v_now, p_request_id);
	IF v_refusal.outcome IS NOT NULL THEN
		RETURN v_refusal;
	END IF;

	IF p_seat_ids IS NULL THEN
		SELECT * INTO v_lock FROM reservation.lock_best_seats(p_schedule, p_grade, p_quantity, v_now);
		IF v_lock.p_seats IS NULL THEN
			RETURN platform.refuse('SEAT_NOT_AVAILABLE', '{"unavailableSeatIds":[]}', p_request_id);
		END IF;
		RETURN reservation.take_seats(p_user, v_schedule, v_lock.p_seats, v_lock.p_total,
		    false, p_queue_seq, p_ttl_seconds, v_now, p_request_id);
	END IF;

	-- First a look without locks, so that a request that comes too late does not lock seats that others could take.
	SELECT count(*), array_agg(s.seat_id) FILTER (WHERE NOT (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= v_now)),
	       array_agg(s.seat_id) FILTER (WHERE s.status = 'HOLD' AND s.hold_expires_at <= v_now), array_agg(s.seat_id ORDER BY s.seat_id)
	INTO v_there, v_not_free, v_run_out, v_seats
	FROM reservation.seats s WHERE s.seat_id = ANY (p_seat_ids) AND (s.schedule_id = p_schedule) IS TRUE;

	IF v_there <> cardinality(p_seat_ids) THEN
		IF (SELECT count(DISTINCT g.seat_id) FROM unnest(p_seat_ids) g (seat_id)) <> cardinality(p_seat_ids) THEN
			RETURN platform.refuse('INVALID_REQUEST',
			    '{"errors":[{"field":"seatIds","reason":"names a seat twice"}]}', p_request_id);
		END IF;
		RETURN platform.refuse('SEAT_NOT_FOUND', NULL, p_request_id);
	END IF;

	IF v_not_free IS NULL THEN
		SELECT * INTO v_lock FROM reservation.lock_seats(p_schedule, v_seats, v_run_out, v_now);
		IF v_lock.p_locked < v_there THEN
			v_not_free := ARRAY[v_seats[v_lock.p_locked + 1]];
		END IF;
	END IF;
	IF v_not_free IS NOT NULL THEN
		RETURN platform.refuse('SEAT_NOT_AVAILABLE',
		    (SELECT row_to_json(u)::text FROM (SELECT v_not_free AS "unavailableSeatIds") u), p_request_id);
	END IF;

	-- Only the locked seats say whether a hold has run out. The look before the locks finds a seat AVAILABLE if a slow transaction
	-- holds it, and commits after the hold has run out.
	RETURN reservation.take_seats(p_user, v_schedule, v_seats, v_lock.p_total,
	    EXISTS (SELECT FROM reservation.seats s WHERE s.seat_id = ANY (v_seats) AND s.status = 'HOLD' AND s.hold_expires_at <= v_now),
	    p_queue_seq, p_ttl_seconds, v_now, p_request_id);
END
$$;

-- An earlier signature. Only hold called it, and this transaction replaces that function too.
DROP FUNCTION IF EXISTS reservation.hold_seats(uuid, uuid, uuid[], text, int, bigint, int, text);
