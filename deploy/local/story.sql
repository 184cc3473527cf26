-- One reservation's whole story in time order, for deploy/local/story; `id` is the reservation. The superuser reads all schemas.
-- Each event of the story is one line.
WITH r AS (SELECT * FROM reservation.reservations WHERE reservation_id = :'id'),
p AS (SELECT * FROM payment.payments WHERE reservation_id = :'id'),
seats AS (
	SELECT string_agg(format('%s-%s-%s', s.section, s.row_label, s.number), ' ' ORDER BY s.section_no, s.row_no, s.number) AS places
	FROM reservation.reservation_seats c JOIN reservation.seats s ON s.seat_id = c.seat_id
	WHERE c.reservation_id = :'id'),
event AS (
	SELECT e.event_id, e.type, e.key, e.data, e.at, 'sent ' || to_char(e.sent_at, 'HH24:MI:SS.MS') AS fate
	FROM platform.events e WHERE e.key = :'id' OR e.key IN (SELECT payment_id FROM p)
	    OR e.key IN (SELECT user_id FROM r) AND (e.data ->> 'referenceId')::uuid IN (SELECT payment_id FROM p)
	UNION ALL
	SELECT o.event_id, o.type, o.key, o.data, o.at, 'not sent yet'
	FROM platform.outbox o WHERE o.key = :'id' OR o.key IN (SELECT payment_id FROM p)
	    OR o.key IN (SELECT user_id FROM r) AND (o.data ->> 'referenceId')::uuid IN (SELECT payment_id FROM p)),
story (at, step, what, details) AS (
	-- The seq of a place is the microsecond at which the user entered, unless the places were drawn.
	SELECT CASE WHEN r.queue_seq BETWEEN 1e15 AND 1e16 AND to_timestamp(r.queue_seq / 1e6) <= r.created_at
		    THEN to_timestamp(r.queue_seq / 1e6) ELSE r.created_at END,
	       1, 'queue', format('place %s in the queue of schedule %s', r.queue_seq, r.schedule_id) FROM r
	UNION ALL
	SELECT r.created_at, 2, 'hold', format('user %s holds %s for %s, until %s', r.user_id, seats.places, r.total_amount,
	       platform.rfc3339(r.created_at + make_interval(secs => r.hold_ttl_seconds))) FROM r, seats
	UNION ALL
	SELECT r.hold_extended_at, 3, 'hold', 'made longer for a card payment, until ' || platform.rfc3339(r.hold_expires_at)
	FROM r WHERE r.hold_extended_at IS NOT NULL
	UNION ALL
	SELECT p.created_at, 4, 'payment', format('%s of %s by %s is begun', p.payment_id, p.amount, p.method) FROM p
	UNION ALL
	-- The time is that of the payment's event, if the event still exists.
	SELECT coalesce((SELECT min(e.at) FROM event e WHERE e.key = p.payment_id AND e.type = 'PaymentFailed'), p.created_at),
	       5, 'payment', format('%s failed: %s%s', p.payment_id, p.failure_code, ' (' || c.provider_code || ')')
	FROM p LEFT JOIN payment.cards c ON c.payment_id = p.payment_id WHERE p.status = 'FAILED'
	UNION ALL
	SELECT p.approved_at, 6, 'payment', format('%s approved', p.payment_id) FROM p WHERE p.approved_at IS NOT NULL
	UNION ALL
	SELECT p.refunded_at, 7, 'payment', format('%s refunded: %s', p.payment_id, p.refunded_amount) FROM p WHERE p.refunded_at IS NOT NULL
	UNION ALL
	SELECT e.created_at, 8, 'ledger', format('%s %s of payment %s: entry %s of the wallet, balance %s', e.type, e.amount,
	       e.operation_id, e.version, e.balance_after)
	FROM point.entries e JOIN p ON e.operation_id = p.payment_id
	UNION ALL
	SELECT r.confirmed_at, 9, 'reservation', format('CONFIRMED by payment %s', r.payment_id) FROM r WHERE r.confirmed_at IS NOT NULL
	UNION ALL
	SELECT r.cancelled_at, 10, 'reservation', concat('CANCELLED', ' after ' || nullif(r.failed_payments, 0) || ' failed payments') FROM r WHERE r.cancelled_at IS NOT NULL
	UNION ALL
	SELECT r.expired_at, 11, 'reservation', 'EXPIRED, written down by the sweeper' FROM r WHERE r.expired_at IS NOT NULL
	UNION ALL
	SELECT e.at, 12, 'event', format('%s %s, %s', e.event_id, e.type, e.fate) FROM event e
	UNION ALL
	SELECT 'infinity', 13, 'now', format('the reservation is %s%s', reservation.status_of(:'id'),
	       (SELECT '; payment ' || string_agg(p.payment_id || ' is ' || p.status || coalesce(', asked again at ' || platform.rfc3339(c.due_at), ''), '; ' ORDER BY p.payment_id)
		FROM p LEFT JOIN payment.cards c ON c.payment_id = p.payment_id)) FROM r)
SELECT CASE WHEN at = 'infinity' THEN platform.rfc3339(clock_timestamp()) ELSE platform.rfc3339(at) END, what, details
FROM story ORDER BY at, step, details;
