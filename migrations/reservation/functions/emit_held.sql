-- reservation.emit_held(): the event ReservationHeld of each reservation that a statement has inserted
-- (docs/events.md). The trigger reservation_made calls it.
CREATE OR REPLACE FUNCTION reservation.emit_held() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	INSERT INTO platform.outbox (type, key, data)
	SELECT 'ReservationHeld', m.reservation_id,
	       json_build_object('reservationId', m.reservation_id, 'userId', m.user_id, 'scheduleId', m.schedule_id,
		'status', m.status, 'totalAmount', m.total_amount, 'expiresAt', platform.rfc3339(m.hold_expires_at),
		'paymentId', m.payment_id, 'seatCount', NULL)
	FROM made m;
	RETURN NULL;
END
$$;
