-- reservation.payment_failed(reservation, max_attempts): for schema payment: counts a failed payment of a HOLD. The
-- max_attempts'th cancels the hold and frees its seats. OK {status, failedPayments}, or RESERVATION_NOT_FOUND. A
-- reservation that is not a HOLD, or has run out, keeps its status: a user who was told EXPIRED must not read CANCELLED
-- later.
--
-- The caller has locked the user. Locks the reservation, then its seats.
CREATE OR REPLACE FUNCTION reservation.payment_failed(p_reservation uuid, p_max_attempts int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reservation	reservation.reservations;
BEGIN
	UPDATE reservation.reservations r
	SET failed_payments = r.failed_payments + (r.status = 'HOLD')::int
	WHERE r.reservation_id = p_reservation
	RETURNING r.* INTO v_reservation;
	IF NOT FOUND THEN
		RETURN platform.refuse('RESERVATION_NOT_FOUND');
	END IF;

	-- If it has lost a seat, the hold is over, and the sweeper marks it EXPIRED.
	IF v_reservation.status = 'HOLD' AND v_reservation.failed_payments >= p_max_attempts
	    AND reservation.lock_own_seats(p_reservation) AND v_reservation.hold_expires_at > clock_timestamp() THEN
		v_reservation := reservation.release(p_reservation, clock_timestamp());
	END IF;
	RETURN platform.ok((SELECT row_to_json(f)::text FROM (
	    SELECT v_reservation.status AS "status", v_reservation.failed_payments AS "failedPayments") f));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.payment_failed(uuid, int) TO payment_owner;
