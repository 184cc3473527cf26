-- reservation.get_reservation(user, reservation): one reservation of the user (GET /reservations/{reservationId}). OK
-- with the Reservation, or RESERVATION_NOT_FOUND, also for another user's reservation.
CREATE OR REPLACE FUNCTION reservation.get_reservation(p_user uuid, p_reservation uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reservation	reservation.reservations;
BEGIN
	SELECT * INTO v_reservation FROM reservation.reservations r
	WHERE r.reservation_id = p_reservation AND r.user_id = p_user;
	IF NOT FOUND THEN
		RETURN platform.refuse('RESERVATION_NOT_FOUND');
	END IF;
	RETURN platform.ok(reservation.reservation_json(v_reservation, clock_timestamp())::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.get_reservation(uuid, uuid) TO reservation_service;
