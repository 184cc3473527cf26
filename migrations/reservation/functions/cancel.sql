-- reservation.cancel(user, reservation, request_id): cancels a reservation (POST /reservations/{reservationId}/cancel).
-- A HOLD frees its seats. A CONFIRMED reservation is also refunded in full, in the same transaction (payment.refund).
--   OK                      the Reservation, CANCELLED; a repetition answers the same
--   RESERVATION_NOT_FOUND   also for another user's reservation
--   RESERVATION_EXPIRED     the hold is over
--   CANCELLATION_CLOSED     it is CONFIRMED and the concert has begun
--
-- Locks the user, the reservation, its seats, then the payment and the wallet (payment.refund).
CREATE OR REPLACE FUNCTION reservation.cancel(p_user uuid, p_reservation uuid, p_request_id text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reservation	reservation.reservations;
	v_all_ours	boolean;
	v_now		timestamptz;
	v_refund	platform.reply;
BEGIN
	PERFORM platform.lock_user(p_user);

	SELECT * INTO v_reservation FROM reservation.reservations r
	WHERE r.reservation_id = p_reservation AND r.user_id = p_user
	FOR UPDATE;
	IF NOT FOUND THEN
		RETURN platform.refuse('RESERVATION_NOT_FOUND', NULL, p_request_id);
	END IF;

	IF v_reservation.status <> 'CANCELLED' THEN
		v_all_ours := reservation.lock_own_seats(p_reservation);
		-- Read the clock after the locks, so that a hold that ended during the wait is over.
		v_now := clock_timestamp();

		IF NOT v_all_ours OR v_reservation.status = 'EXPIRED' OR
		    v_reservation.status = 'HOLD' AND v_reservation.hold_expires_at <= v_now THEN
			RETURN platform.refuse('RESERVATION_EXPIRED', NULL, p_request_id);
		END IF;
		IF v_reservation.status = 'CONFIRMED' THEN
			PERFORM FROM reservation.schedules s
			WHERE s.schedule_id = v_reservation.schedule_id AND s.start_at <= v_now;
			IF FOUND THEN
				RETURN platform.refuse('CANCELLATION_CLOSED', NULL, p_request_id);
			END IF;
			v_refund := payment.refund(p_reservation, p_request_id);
			IF v_refund.outcome <> 'OK' THEN
				RETURN v_refund;
			END IF;
		END IF;
		v_reservation := reservation.release(p_reservation, v_now);
	END IF;

	RETURN platform.ok(reservation.reservation_json(v_reservation, v_now)::text, p_request_id);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.cancel(uuid, uuid, text) TO reservation_service;

-- reservation.cancel(user, reservation, request_id, idempotency_key, request_hash): the same, and the answer is stored
-- under the key. A key NULL stores nothing. Further outcomes: a stored answer, and IDEMPOTENCY_KEY_REUSED.
CREATE OR REPLACE FUNCTION reservation.cancel(
	p_user			uuid,
	p_reservation		uuid,
	p_request_id		text,
	p_idempotency_key	text,
	p_request_hash		text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reply	platform.reply := platform.idempotency_begin(p_user, 'reservations.cancel', p_idempotency_key, p_request_hash);
	v_again	boolean;
BEGIN
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;
	-- A user can repeat a cancellation under any number of keys. So the number of stored answers to repetitions is bounded.
	v_again := p_idempotency_key IS NOT NULL AND EXISTS (SELECT FROM reservation.reservations r
	    WHERE r.reservation_id = p_reservation AND r.user_id = p_user AND r.status = 'CANCELLED');
	IF v_again THEN
		RETURN platform.idempotency_end_unchanged(p_user, 'reservations.cancel', p_idempotency_key, p_request_hash,
		    reservation.cancel(p_user, p_reservation, p_request_id));
	END IF;
	RETURN platform.idempotency_end(p_user, 'reservations.cancel', p_idempotency_key, p_request_hash,
	    reservation.cancel(p_user, p_reservation, p_request_id));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.cancel(uuid, uuid, text, text, text) TO reservation_service;
