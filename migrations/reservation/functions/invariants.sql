-- reservation.invariants: each row is a violation (platform.invariants). It reads all rows of the schema: for tests and
-- operators, not for each second.
CREATE OR REPLACE VIEW reservation.invariants (name, detail) AS
	SELECT 'a_seat_has_one_live_claim', format('seat %s: %s claims', c.seat_id, count(*))
	FROM reservation.reservation_seats c WHERE c.live GROUP BY c.seat_id HAVING count(*) > 1
UNION ALL
	SELECT 'a_live_claim_is_on_the_seat', format('reservation %s, seat %s', c.reservation_id, c.seat_id)
	FROM reservation.reservation_seats c JOIN reservation.seats s ON s.seat_id = c.seat_id
	WHERE c.live AND (s.reservation_id, s.hold_epoch) IS DISTINCT FROM (c.reservation_id, c.hold_epoch)
UNION ALL
	SELECT 'a_taken_seat_has_its_claim', format('seat %s, reservation %s', s.seat_id, s.reservation_id)
	FROM reservation.seats s
	LEFT JOIN reservation.reservation_seats c ON c.reservation_id = s.reservation_id AND c.seat_id = s.seat_id
	    AND c.hold_epoch = s.hold_epoch AND c.schedule_id = s.schedule_id AND c.live
	WHERE s.status <> 'AVAILABLE' AND c.seat_id IS NULL
UNION ALL
	SELECT 'a_seat_is_as_its_reservation',
	    format('seat %s is %s until %s, reservation %s is %s until %s', s.seat_id, s.status, s.hold_expires_at,
		r.reservation_id, r.status, r.hold_expires_at)
	FROM reservation.seats s LEFT JOIN reservation.reservations r ON r.reservation_id = s.reservation_id
	WHERE (s.status = 'SOLD_OUT' AND r.status = 'CONFIRMED'
	    OR s.status = 'HOLD' AND r.status = 'HOLD' AND s.hold_expires_at = r.hold_expires_at
	    OR s.status = 'AVAILABLE') IS NOT TRUE
UNION ALL
	-- A hold that has run out does not count: other holds may have taken its seats.
	SELECT 'a_live_reservation_has_all_its_seats', format('reservation %s (%s): a claim is not live', r.reservation_id, r.status)
	FROM reservation.reservations r
	WHERE (r.status = 'CONFIRMED' OR r.status = 'HOLD' AND r.hold_expires_at > clock_timestamp())
	  AND (SELECT bool_and(c.live) FROM reservation.reservation_seats c WHERE c.reservation_id = r.reservation_id) IS NOT TRUE
UNION ALL
	SELECT 'an_ended_reservation_has_no_seat', format('reservation %s (%s), seat %s', r.reservation_id, r.status, c.seat_id)
	FROM reservation.reservations r JOIN reservation.reservation_seats c ON c.reservation_id = r.reservation_id
	WHERE r.status IN ('CANCELLED', 'EXPIRED') AND c.live
UNION ALL
	SELECT 'a_reservation_costs_what_its_seats_cost', format('reservation %s: %s', r.reservation_id, r.total_amount)
	FROM reservation.reservations r
	WHERE r.total_amount IS DISTINCT FROM (
		SELECT sum(s.price) FROM reservation.reservation_seats c JOIN reservation.seats s ON s.seat_id = c.seat_id
		WHERE c.reservation_id = r.reservation_id)
UNION ALL
	SELECT 'a_reservation_is_of_one_schedule', format('reservation %s, seat %s', r.reservation_id, s.seat_id)
	FROM reservation.reservations r
	JOIN reservation.reservation_seats c ON c.reservation_id = r.reservation_id
	JOIN reservation.seats s ON s.seat_id = c.seat_id
	WHERE s.schedule_id <> r.schedule_id OR c.schedule_id <> r.schedule_id
UNION ALL
	SELECT 'a_section_has_all_its_seats', format('schedule %s, section %s', c.schedule_id, c.section)
	FROM reservation.sections c
	WHERE c.rows::bigint * c.seats_per_row <> (SELECT count(*) FROM reservation.seats s
	    WHERE s.schedule_id = c.schedule_id AND s.section_no = c.section_no
	      AND s.section = c.section AND s.grade = c.grade AND s.price = c.price)
UNION ALL
	SELECT CASE r.status WHEN 'CONFIRMED' THEN 'a_confirmed_reservation_is_paid' ELSE 'a_cancelled_ticket_is_refunded' END,
	    format('reservation %s: %s', u.reservation_id, u.payment)
	FROM reservation.confirmed_unpaid() u JOIN reservation.reservations r ON r.reservation_id = u.reservation_id
UNION ALL
	SELECT 'a_queue_token_is_used_once', format('user %s, schedule %s, place %s: %s reservations', r.user_id, r.schedule_id, r.queue_seq, count(*))
	FROM reservation.reservations r GROUP BY r.schedule_id, r.user_id, r.queue_seq HAVING count(*) > 1
UNION ALL
	-- The limit is that of the newest reservation, because the schedule's limit may have been lowered since.
	SELECT 'a_user_has_no_more_seats_than_the_limit', format('user %s, schedule %s: %s seats, limit %s', o.user_id, o.schedule_id, o.seats, o.seat_limit)
	FROM (SELECT r.user_id, r.schedule_id, sum(c.seats) AS seats, (array_agg(r.seat_limit ORDER BY r.reservation_id DESC))[1] AS seat_limit
	    FROM reservation.reservations r
	    CROSS JOIN LATERAL (SELECT count(*) AS seats FROM reservation.reservation_seats c WHERE c.reservation_id = r.reservation_id AND c.live) c
	    WHERE r.status = 'CONFIRMED' OR r.status = 'HOLD' AND r.hold_expires_at > clock_timestamp()
	    GROUP BY r.user_id, r.schedule_id) o
	WHERE o.seats > o.seat_limit
UNION ALL
	SELECT 'a_kept_answer_has_its_effect', format('hold of user %s, key %s: no reservation %s', k.user_id, k.key, k.body ->> 'reservationId')
	FROM platform.kept_answers('reservations.hold') k
	LEFT JOIN reservation.reservations r ON r.reservation_id = (k.body ->> 'reservationId')::uuid
	    AND r.user_id = k.user_id AND r.total_amount = (k.body ->> 'totalAmount')::bigint
	WHERE k.outcome = 'CREATED' AND r.reservation_id IS NULL;
