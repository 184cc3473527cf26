-- reservation.confirm(reservation, payment): for schema payment: the payment succeeded. The reservation becomes
-- CONFIRMED and its seats SOLD_OUT.
--   OK                         also if this payment has confirmed it before
--   RESERVATION_ALREADY_PAID   another payment has confirmed it
--   RESERVATION_EXPIRED        it is EXPIRED, a seat has another hold epoch by now, or it ran out and the user has
--                              taken other seats since, so that it would exceed the limit per user
--   RESERVATION_NOT_FOUND, RESERVATION_CANCELLED   nothing changes
-- A reservation that was claimed in time (reservation.claim_for_payment) may be confirmed late, as long as it still has
-- its seats.
--
-- The caller has locked the user. Locks the reservation, then its seats.
CREATE OR REPLACE FUNCTION reservation.confirm(p_reservation uuid, p_payment uuid)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reservation	reservation.reservations;
	v_now		timestamptz := clock_timestamp();
BEGIN
	SELECT * INTO v_reservation FROM reservation.reservations r WHERE r.reservation_id = p_reservation FOR UPDATE;
	IF NOT FOUND THEN
		RETURN platform.refuse('RESERVATION_NOT_FOUND');
	ELSIF v_reservation.status = 'CONFIRMED' AND v_reservation.payment_id = p_payment THEN
		RETURN platform.ok(NULL);
	ELSIF v_reservation.status = 'CONFIRMED' THEN
		RETURN platform.refuse('RESERVATION_ALREADY_PAID');
	ELSIF v_reservation.status = 'CANCELLED' THEN
		RETURN platform.refuse('RESERVATION_CANCELLED');
	ELSIF v_reservation.status = 'EXPIRED' OR NOT reservation.lock_own_seats(p_reservation) THEN
		RETURN platform.refuse('RESERVATION_EXPIRED');
	ELSIF v_reservation.hold_expires_at <= v_now AND reservation.exceeds_limit(v_reservation, v_now) THEN
		RETURN platform.refuse('RESERVATION_EXPIRED');
	END IF;

	UPDATE reservation.reservations r
	SET status = 'CONFIRMED', payment_id = p_payment, confirmed_at = clock_timestamp()
	WHERE r.reservation_id = p_reservation;

	UPDATE reservation.seats s
	SET status = 'SOLD_OUT', hold_expires_at = NULL, changes = s.changes + 1, changed_xid = pg_current_xact_id()
	FROM reservation.reservation_seats c
	WHERE c.reservation_id = p_reservation
	  AND s.seat_id = c.seat_id AND s.reservation_id = c.reservation_id AND s.hold_epoch = c.hold_epoch;
	RETURN platform.ok(NULL);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.confirm(uuid, uuid) TO payment_owner;
