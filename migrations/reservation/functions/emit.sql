-- reservation.emit(): the event of a reservation's later states (docs/events.md): ReservationConfirmed,
-- ReservationCancelled or ReservationExpired. The trigger reservation_changed calls it for each changed row. The row is
-- locked, so the events of one reservation get their ids in the order of its changes. seatCount is NULL unless the
-- reservation was paid, because the seats of a hold are written after it.
CREATE OR REPLACE FUNCTION reservation.emit() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	INSERT INTO platform.outbox (type, key, data)
	VALUES (
	    CASE NEW.status WHEN 'HOLD' THEN 'ReservationHeld' WHEN 'CONFIRMED' THEN 'ReservationConfirmed'
		WHEN 'CANCELLED' THEN 'ReservationCancelled' ELSE 'ReservationExpired' END,
	    NEW.reservation_id,
	    json_build_object('reservationId', NEW.reservation_id, 'userId', NEW.user_id, 'scheduleId', NEW.schedule_id,
		'status', NEW.status, 'totalAmount', NEW.total_amount, 'expiresAt', platform.rfc3339(NEW.hold_expires_at),
		'paymentId', NEW.payment_id,
		'seatCount', CASE WHEN NEW.payment_id IS NOT NULL THEN (SELECT count(*) FROM reservation.reservation_seats c
		    WHERE c.reservation_id = NEW.reservation_id) END));
	RETURN NULL;
END
$$;
