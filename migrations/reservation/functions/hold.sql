-- reservation.hold(user, schedule, seat_ids, grade, quantity, queue_seq, hold_ttl_seconds, idempotency_key,
-- request_hash, refusal, request_id, unpaid_holds_max): holds these seats or, if seat_ids is NULL, the best `quantity`
-- seats of `grade` (POST /reservations/hold). All the seats or none.
--   queue_seq          the place in the queue that the token proves
--   refusal            what the queue says against the token (QUEUE_TOKEN_USED, QUEUE_TOKEN_EXPIRED, ...), or NULL. It
--                      is the answer, unless an answer is stored under the idempotency key
--   unpaid_holds_max   after this number of unpaid holds of the schedule the user gets none for ten minutes
--                      (reservation.pause_ends_at); 0: no pause
-- The outcomes, in the order of the checks: a stored answer, `refusal`, QUEUE_TOKEN_USED, SCHEDULE_NOT_FOUND,
-- SCHEDULE_NOT_ON_SALE, SEAT_LIMIT_EXCEEDED {limit, owned}, UNPAID_HOLD_LIMIT {limit}, INVALID_REQUEST, SEAT_NOT_FOUND,
-- SEAT_NOT_AVAILABLE {unavailableSeatIds}, CREATED with the Reservation.
--
-- After QUEUE_TOKEN_USED the caller notes in Redis that the place is used. So this answer waits for the synchronous standby
-- (platform.wait_for_standby). A stored answer does so anyway.
--
-- Locks the user, then the seats in the order of their ids. It waits only for other calls of the same user, and briefly
-- for a locked seat whose hold has run out (reservation.pause_for_seat). All other seats it locks without waiting.
CREATE OR REPLACE FUNCTION reservation.hold(
	p_user			uuid,
	p_schedule		uuid,
	p_seat_ids		uuid[],
	p_grade			text,
	p_quantity		int,
	p_queue_seq		bigint,
	p_hold_ttl_seconds	int,
	p_idempotency_key	text,
	p_request_hash		text,
	p_refusal		text,
	p_request_id		text,
	p_unpaid_holds_max	int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reply	platform.reply;
BEGIN
	PERFORM platform.lock_user(p_user);

	IF p_idempotency_key IS NOT NULL THEN
		v_reply := platform.idempotency_begin(p_user, 'reservations.hold', p_idempotency_key, p_request_hash);
		IF v_reply.outcome IS NOT NULL THEN
			RETURN v_reply;
		END IF;
	END IF;

	IF p_refusal IS NOT NULL THEN
		v_reply := platform.refuse(p_refusal, NULL, p_request_id);
	ELSE
		v_reply := reservation.hold_seats(p_user, p_schedule, p_seat_ids, p_grade, p_quantity, p_queue_seq,
		    p_hold_ttl_seconds, p_unpaid_holds_max, p_request_id);
	END IF;

	IF p_idempotency_key IS NULL THEN
		IF v_reply.outcome = 'QUEUE_TOKEN_USED' THEN
			PERFORM platform.wait_for_standby();
		END IF;
		RETURN v_reply;
	END IF;
	RETURN platform.idempotency_end(p_user, 'reservations.hold', p_idempotency_key, p_request_hash, v_reply);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.hold(uuid, uuid, uuid[], text, int, bigint, int, text, text, text, text, int)
	TO reservation_service;

-- The signature without unpaid_holds_max, for older instances. It uses the default. Dropped in the next release.
CREATE OR REPLACE FUNCTION reservation.hold(
	p_user			uuid,
	p_schedule		uuid,
	p_seat_ids		uuid[],
	p_grade			text,
	p_quantity		int,
	p_queue_seq		bigint,
	p_hold_ttl_seconds	int,
	p_idempotency_key	text,
	p_request_hash		text,
	p_refusal		text,
	p_request_id		text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN reservation.hold(p_user, p_schedule, p_seat_ids, p_grade, p_quantity, p_queue_seq, p_hold_ttl_seconds,
	    p_idempotency_key, p_request_hash, p_refusal, p_request_id, 5);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.hold(uuid, uuid, uuid[], text, int, bigint, int, text, text, text, text)
	TO reservation_service;
