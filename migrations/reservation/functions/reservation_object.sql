-- reservation.reservation_object(reservation, concert, seats, payment, refund, now):
-- the contract's Reservation from its parts. A HOLD that has run out is shown
-- EXPIRED, swept or not. holdSecondsLeft is rounded down: a hold has at least this
-- number of seconds left.
CREATE OR REPLACE FUNCTION reservation.reservation_object(
	p_reservation	reservation.reservations,
	p_concert	uuid,
	p_seats		json,
	p_payment	json,
	p_refund	json,
	p_now		timestamptz)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (SELECT row_to_json(r) FROM (
		SELECT (p_reservation).reservation_id AS "reservationId",
		       CASE WHEN (p_reservation).status = 'HOLD' AND (p_reservation).hold_expires_at <= p_now
			    THEN 'EXPIRED' ELSE (p_reservation).status END AS "status",
		       (p_reservation).schedule_id AS "scheduleId",
		       p_concert AS "concertId",
		       p_seats AS "seats",
		       (p_reservation).total_amount AS "totalAmount",
		       platform.rfc3339((p_reservation).hold_expires_at) AS "expiresAt",
		       (p_reservation).hold_ttl_seconds AS "holdTtlSeconds",
		       CASE WHEN (p_reservation).status = 'HOLD' AND (p_reservation).hold_expires_at > p_now
			    THEN floor(extract(epoch FROM (p_reservation).hold_expires_at - p_now))::int END AS "holdSecondsLeft",
		       p_payment AS "payment",
		       p_refund AS "refund",
		       platform.rfc3339((p_reservation).created_at) AS "createdAt") r);
END
$$;
