-- reservation.emit(): the event of a reservation's later states:
-- ReservationConfirmed, ReservationCancelled, ReservationExpired (docs/events.md).
-- Called by the trigger reservation_changed. Whoever changes a row has it locked, so
-- the ids of one reservation's events follow its changes.
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
		'paymentId', NEW.payment_id));
	RETURN NULL;
END
$$;
