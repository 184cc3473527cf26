-- reservation.status_of(reservation): for schema payment: the shown status of the reservation (a HOLD that has run out
-- is EXPIRED), NULL if it does not exist.
CREATE OR REPLACE FUNCTION reservation.status_of(p_reservation uuid)
RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN (
		SELECT CASE WHEN r.status = 'HOLD' AND r.hold_expires_at <= clock_timestamp() THEN 'EXPIRED' ELSE r.status END
		FROM reservation.reservations r WHERE r.reservation_id = p_reservation);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.status_of(uuid) TO payment_owner;
