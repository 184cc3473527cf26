-- reservation.reservation_object(reservation_id, status, ..., created_at): the contract's Reservation, made of its parts.
-- `seats` are the texts of reservation.seat_json, joined by ', '. Times are written by platform.rfc3339. seconds_left,
-- payment and refund may be NULL.
--
-- No SET clause and not SECURITY DEFINER, so that PostgreSQL can inline it. No value needs escaping.
CREATE OR REPLACE FUNCTION reservation.reservation_object(
	p_reservation_id uuid,
	p_status	text,
	p_schedule_id	uuid,
	p_concert_id	uuid,
	p_seats		text,
	p_total_amount	bigint,
	p_expires_at	text,
	p_ttl_seconds	int,
	p_seconds_left	int,
	p_payment	json,
	p_refund	json,
	p_created_at	text)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	SELECT '{"reservationId":"' || p_reservation_id
	    || '","status":"' || p_status
	    || '","scheduleId":"' || p_schedule_id
	    || '","concertId":"' || p_concert_id
	    || '","seats":[' || p_seats
	    || '],"totalAmount":' || p_total_amount
	    || ',"expiresAt":"' || p_expires_at
	    || '","holdTtlSeconds":' || p_ttl_seconds
	    || ',"holdSecondsLeft":' || coalesce(p_seconds_left::text, 'null')
	    || ',"payment":' || coalesce(p_payment::text, 'null')
	    || ',"refund":' || coalesce(p_refund::text, 'null')
	    || ',"createdAt":"' || p_created_at || '"}'
$$;

-- An earlier signature. Only functions that this transaction replaces too called it.
DROP FUNCTION IF EXISTS reservation.reservation_object(reservation.reservations, uuid, json, json, json, timestamptz);
