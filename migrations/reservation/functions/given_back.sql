-- reservation.given_back(reservation): for schema payment: the card provider has given back the money of a CONFIRMED
-- reservation without our order. The reservation becomes CANCELLED and its seats AVAILABLE, also after the concert has
-- begun. OK, also when repeated; RESERVATION_NOT_FOUND. A reservation that is not CONFIRMED stays as it is.
--
-- The caller has locked the user. Locks the reservation, then its seats.
CREATE OR REPLACE FUNCTION reservation.given_back(p_reservation uuid)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_status	text;
BEGIN
	SELECT r.status INTO v_status FROM reservation.reservations r WHERE r.reservation_id = p_reservation FOR UPDATE;
	IF NOT FOUND THEN
		RETURN platform.refuse('RESERVATION_NOT_FOUND');
	END IF;
	IF v_status = 'CONFIRMED' THEN
		PERFORM reservation.lock_own_seats(p_reservation);
		PERFORM reservation.release(p_reservation, clock_timestamp());
	END IF;
	RETURN platform.ok(NULL);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.given_back(uuid) TO payment_owner;
