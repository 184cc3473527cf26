-- Compares the answers that all clients got with the database at the end. Prints one row per violation: rule, detail.
-- A correct system has none.
--
--   psql -v schedule=UUID -v attempts=3 -v look_locks=true -f history.sql < history.csv
--
-- A line of the history is one request of one client, with its repetitions under the same key, until the answer was
-- definite or the client gave up after "not done" (see tests/lib/users/users.h). Clients and database share a clock.
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset fieldsep ': '
SET client_min_messages = warning;
SET TimeZone = 'UTC';

CREATE TEMP TABLE call (person uuid, kind text, key text, token text, reservation uuid, sent_us bigint,
	answered_us bigint, tries int, unknowns int, status int, code text, asked text, body json);
\copy call FROM pstdin (FORMAT csv)
CREATE INDEX ON call (reservation);
ANALYZE call;

CREATE FUNCTION pg_temp.at(us bigint) RETURNS timestamptz LANGUAGE sql AS 'SELECT to_timestamp(us / 1000000.0)';

-- The time at which platform.uuid_v7 made an id, to a quarter of a microsecond.
CREATE FUNCTION pg_temp.made(id uuid) RETURNS timestamptz LANGUAGE sql AS $$
	SELECT to_timestamp(('x' || left(h, 12) || substr(h, 14, 3))::bit(60)::bigint / 4096000.0)
	FROM replace(id::text, '-', '') h
$$;

-- held: one row per reservation that a client was answered 201 for. The service makes the id after it has read the seats,
-- so the id's time is when the hold was made. createdAt may be earlier, when another hold of the seat was still alive.
CREATE TEMP TABLE held AS
	SELECT DISTINCT ON (reservation) (c.body ->> 'reservationId')::uuid AS reservation, c.person, c.token,
	    pg_temp.at(c.answered_us) AS told, pg_temp.made((c.body ->> 'reservationId')::uuid) AS created,
	    (c.body ->> 'expiresAt')::timestamptz AS expires,
	    (c.body ->> 'totalAmount')::bigint AS amount,
	    ARRAY(SELECT (s ->> 'seatId')::uuid FROM json_array_elements(c.body -> 'seats') s ORDER BY 1) AS seats
	FROM call c WHERE c.kind = 'hold' AND c.status = 201 ORDER BY reservation, c.answered_us;
CREATE TEMP TABLE paid AS
	SELECT DISTINCT c.reservation, c.person, (c.body ->> 'paymentId')::uuid AS payment, (c.body ->> 'amount')::bigint AS amount
	FROM call c WHERE c.kind = 'pay' AND c.status = 201;
CREATE TEMP TABLE cancelled AS
	SELECT c.reservation, min(pg_temp.at(c.sent_us)) AS sent, max((c.body #>> '{refund,amount}')::bigint) AS refund
	FROM call c WHERE c.kind = 'cancel' AND c.status = 200 GROUP BY c.reservation;
-- The failed payment number :attempts cancels the reservation.
CREATE TEMP TABLE failed AS
	SELECT f.reservation, max(f.sent) FILTER (WHERE f.n = :attempts) AS last_sent,
	    max(f.answered) FILTER (WHERE f.n = :attempts) AS last_answered, max(f.n) AS n FROM (
		SELECT c.reservation, pg_temp.at(min(c.sent_us)) AS sent, pg_temp.at(min(c.answered_us)) AS answered,
		    row_number() OVER (PARTITION BY c.reservation ORDER BY min(c.sent_us)) AS n
		FROM call c WHERE c.kind = 'pay' AND c.status = 402 GROUP BY c.reservation, c.key) f
	GROUP BY f.reservation;
-- made: the reservations in the database.
CREATE TEMP TABLE made AS
	SELECT r.reservation_id AS reservation, r.user_id AS person, r.total_amount AS amount, r.payment_id AS payment,
	    CASE WHEN r.status = 'EXPIRED' THEN 'HOLD' ELSE r.status END AS status, r.created_at AS created,
	    -- After this time the reservation cannot be the reason for a refusal.
	    CASE WHEN r.status IN ('HOLD', 'EXPIRED') THEN r.hold_expires_at
		WHEN r.status = 'CANCELLED' THEN coalesce((SELECT max(pg_temp.at(c.answered_us)) FROM call c
		    WHERE c.reservation = r.reservation_id AND c.kind IN ('cancel', 'pay')), 'infinity')
		ELSE 'infinity' END AS over,
	    ARRAY(SELECT c.seat_id FROM reservation.reservation_seats c WHERE c.reservation_id = r.reservation_id ORDER BY 1) AS seats
	FROM reservation.reservations r WHERE r.schedule_id = :'schedule';
-- told: the state of each reservation by all answers about it.
CREATE TEMP TABLE told AS
	SELECT h.reservation, h.person, h.token, h.told, h.created, h.expires, h.amount, h.seats, p.payment,
	    c.reservation IS NOT NULL AS cancelled, c.refund, coalesce(f.n, 0) AS failures,
	    CASE WHEN c.reservation IS NOT NULL OR f.n >= :attempts
		-- If the hold expired between the last attempt's two reads of the clock, the failure cancelled nothing.
		AND (m.status = 'HOLD' AND f.last_sent <= h.expires + interval '1 ms' AND h.expires <= f.last_answered) IS NOT TRUE
		THEN 'CANCELLED' WHEN p.payment IS NOT NULL THEN 'CONFIRMED' ELSE 'HOLD' END AS status,
	    -- The client owns the seats from `created` until the hold expired or the client began to give them back.
	    CASE WHEN p.payment IS NULL THEN least(h.expires, c.sent, f.last_sent) ELSE coalesce(c.sent, 'infinity') END AS until,
	    least(c.sent, f.last_sent) AS given_back
	FROM held h LEFT JOIN made m USING (reservation) LEFT JOIN paid p USING (reservation)
	    LEFT JOIN cancelled c USING (reservation) LEFT JOIN failed f USING (reservation);

-- refused: one row per seat that a hold was refused for, with the time from the request to the first answer to its key.
CREATE TEMP TABLE refused AS
	SELECT c.person, coalesce(c.key, c.sent_us::text) AS call, seat, min(pg_temp.at(c.sent_us)) AS sent,
	    min(pg_temp.at(c.answered_us)) AS answered
	FROM call c CROSS JOIN LATERAL (SELECT json_array_elements_text(c.body -> 'unavailableSeatIds')::uuid AS seat) s
	WHERE c.kind = 'hold' AND c.code = 'SEAT_NOT_AVAILABLE'
	GROUP BY 1, 2, 3;
-- Of these, the seats that no reservation had during that time.
CREATE TEMP TABLE refused_for_nothing AS
	SELECT r.* FROM refused r WHERE NOT EXISTS (SELECT FROM made m CROSS JOIN unnest(m.seats) s (seat)
	    WHERE s.seat = r.seat AND m.created <= r.answered AND m.over >= r.sent);

-- told_limit: refusals for the limit of seats, and the largest number of seats that the user may have had then.
CREATE TEMP TABLE told_limit AS
	SELECT c.*, (SELECT coalesce(sum(cardinality(m.seats)), 0) FROM made m
	    WHERE m.person = c.person AND m.created <= c.answered AND m.over >= c.sent) AS most
	FROM (SELECT c.person, min(pg_temp.at(c.sent_us)) AS sent, min(pg_temp.at(c.answered_us)) AS answered,
		min((c.body ->> 'limit')::int) AS seat_limit, min((c.body ->> 'owned')::int) AS owned,
		min(coalesce(json_array_length(c.asked::json -> 'seatIds'), (c.asked::json #>> '{bestAvailable,quantity}')::int)) AS wanted
	    FROM call c WHERE c.kind = 'hold' AND c.code = 'SEAT_LIMIT_EXCEEDED'
	    GROUP BY c.person, coalesce(c.key, c.sent_us::text)) c;

-- Every unknown outcome is resolved, and a key has one answer.
	SELECT 'an unknown was never resolved', format('%s by %s, key %s, after %s tries', c.kind, c.person, c.key, c.tries)
	FROM call c WHERE c.status = 0
UNION ALL
	SELECT 'one key, two answers', format('%s by %s, key %s', c.kind, c.person, c.key)
	FROM call c WHERE c.key IS NOT NULL AND c.status NOT IN (0, 503)
	GROUP BY c.person, c.kind, c.key HAVING count(DISTINCT (c.status, c.body::text)) > 1
UNION ALL
	SELECT 'an answer that should never be', format('%s by %s: %s %s', c.kind, c.person, c.status, c.code)
	FROM call c WHERE c.status NOT IN (0, 200, 201, 402, 409, 410) AND c.code IS DISTINCT FROM 'SERVICE_UNAVAILABLE'
UNION ALL
	SELECT 'one token, two holds', format('%s: %s', h.person, array_agg(h.reservation))
	FROM held h GROUP BY h.person, h.token HAVING count(*) > 1

-- The database agrees with every 201, and with every refusal.
UNION ALL
	SELECT 'told 201 and not so in the end', format('reservation %s of %s: told %s, is %s', t.reservation, t.person,
	    (t.status, t.amount, t.payment, t.seats), coalesce((m.status, m.person, m.amount, m.payment, m.seats)::text, 'not there'))
	FROM told t LEFT JOIN made m USING (reservation)
	WHERE (m.status = t.status AND m.person = t.person AND m.amount = t.amount AND m.seats = t.seats
	    AND m.payment IS NOT DISTINCT FROM t.payment) IS NOT TRUE
UNION ALL
	SELECT 'a reservation that nobody was told of', format('reservation %s of %s (%s)', m.reservation, m.person, m.status)
	FROM made m WHERE NOT EXISTS (SELECT FROM told t WHERE t.reservation = m.reservation)
	-- Without a key an unknown outcome stays unknown: the hold may exist, or may still be made. PostgreSQL executes what a
	-- killed worker had sent, after a delay by the proxy (plan_faults) and up to statement_timeout.
	AND NOT EXISTS (SELECT FROM call c WHERE c.kind = 'hold' AND c.key IS NULL AND c.unknowns > 0 AND c.person = m.person
	    AND m.created BETWEEN pg_temp.at(c.sent_us) AND pg_temp.at(c.answered_us) + interval '10 seconds')
UNION ALL
	-- Another hold may have locked the seat for a moment. It named the seat and was refused another one, succeeded
	-- later, or lost its answer and was refused on the repeat. Or it was a hold for the best available.
	SELECT 'told SEAT_NOT_AVAILABLE, and it was', format('seat %s, refused to %s between %s and %s', r.seat, r.person, r.sent, r.answered)
	FROM refused_for_nothing r WHERE NOT EXISTS (SELECT FROM call c
	    WHERE c.kind = 'hold' AND (c.person, coalesce(c.key, c.sent_us::text)) IS DISTINCT FROM (r.person, r.call)
	      AND pg_temp.at(c.sent_us) <= r.answered AND pg_temp.at(c.answered_us) >= r.sent
	      AND (strpos(c.asked, 'bestAvailable') > 0
		OR strpos(c.asked, r.seat::text) > 0
		AND (c.tries > 1 OR strpos(coalesce(c.body ->> 'unavailableSeatIds', ''), r.seat::text) = 0)))
UNION ALL
	-- Counts the seats that the user certainly had when the hold was made, and those of the hold.
	SELECT 'more seats than the limit', format('reservation %s of %s: %s seats beside %s others', t.reservation, t.person, cardinality(t.seats), o.seats)
	FROM told t JOIN reservation.schedules d ON d.schedule_id = :'schedule'
	CROSS JOIN LATERAL (SELECT coalesce(sum(cardinality(a.seats)), 0) AS seats FROM told a
	    WHERE a.person = t.person AND a.created < t.created AND a.until > t.created) o
	WHERE cardinality(t.seats) + o.seats > d.max_per_user
UNION ALL
	SELECT 'told SEAT_LIMIT_EXCEEDED, and it was not', format('%s, who wanted %s: limit %s, owned %s; had %s at most', l.person, l.wanted, l.seat_limit, l.owned, l.most)
	FROM told_limit l JOIN reservation.schedules d ON d.schedule_id = :'schedule'
	WHERE (l.seat_limit = d.max_per_user AND l.owned + l.wanted > l.seat_limit AND l.owned <= l.most) IS NOT TRUE
UNION ALL
	SELECT 'told UNPAID_HOLD_LIMIT, and it is off', c.person::text FROM call c WHERE c.code = 'UNPAID_HOLD_LIMIT'
UNION ALL
	SELECT 'told CONFIRMED and lost the seat', format('reservation %s of %s: seat %s is %s of %s', t.reservation, t.person, s.seat_id, s.status, s.reservation_id)
	FROM told t CROSS JOIN unnest(t.seats) g (seat_id) JOIN reservation.seats s ON s.seat_id = g.seat_id
	WHERE t.status = 'CONFIRMED' AND (s.status, s.reservation_id) IS DISTINCT FROM ('SOLD_OUT', t.reservation)
UNION ALL
	SELECT 'a seat sold out without anybody''s CONFIRMED', format('seat %s of reservation %s', s.seat_id, s.reservation_id)
	FROM reservation.seats s WHERE s.schedule_id = :'schedule' AND s.status = 'SOLD_OUT'
	AND NOT EXISTS (SELECT FROM told t WHERE t.reservation = s.reservation_id AND t.status = 'CONFIRMED' AND s.seat_id = ANY (t.seats))
UNION ALL
	SELECT 'one seat, two owners at once', format('seat %s: reservations %s and %s', x.seat, a.reservation, b.reservation)
	FROM told a CROSS JOIN unnest(a.seats) x (seat)
	JOIN (told b CROSS JOIN unnest(b.seats) y (seat)) ON y.seat = x.seat AND a.reservation < b.reservation
	WHERE a.created < a.until AND b.created < b.until AND tstzrange(a.created, a.until) && tstzrange(b.created, b.until)
	-- `created` is when the seats were read. A hold answered after the other owner began to give the seat back is correct.
	AND (b.told >= a.given_back) IS NOT TRUE AND (a.told >= b.given_back) IS NOT TRUE
	-- Without row locks a seat is taken some time after `created`, but before the answer.
	AND (:look_locks OR b.told < a.until AND a.told < b.until)

-- A hold ends by payment, cancellation or expiry, and by only one of them.
UNION ALL
	SELECT 'told EXPIRED before its time', format('reservation %s, %s before', c.reservation, h.expires - pg_temp.at(c.answered_us))
	FROM call c JOIN held h USING (reservation) WHERE c.code = 'RESERVATION_EXPIRED' AND pg_temp.at(c.answered_us) < h.expires
UNION ALL
	SELECT 'told EXPIRED and not', format('reservation %s, then %s', t.reservation, t.status)
	FROM told t WHERE t.status <> 'HOLD' AND EXISTS (SELECT FROM call c WHERE c.reservation = t.reservation AND c.code = 'RESERVATION_EXPIRED')
UNION ALL
	SELECT 'told CANCELLED and not', format('reservation %s', t.reservation)
	FROM told t WHERE t.status <> 'CANCELLED' AND EXISTS (SELECT FROM call c WHERE c.reservation = t.reservation AND c.code = 'RESERVATION_CANCELLED')
UNION ALL
	SELECT 'told ALREADY_PAID and not', format('reservation %s', t.reservation)
	FROM told t WHERE t.payment IS NULL AND EXISTS (SELECT FROM call c WHERE c.reservation = t.reservation AND c.code = 'RESERVATION_ALREADY_PAID')
UNION ALL
	SELECT 'paid twice', format('reservation %s', p.reservation) FROM paid p GROUP BY p.reservation HAVING count(*) > 1
UNION ALL
	SELECT 'cancelled, and the refund is not what was paid', format('reservation %s: paid %s, refund %s', t.reservation,
	    CASE WHEN t.payment IS NOT NULL THEN t.amount END, t.refund)
	FROM told t WHERE t.cancelled AND t.refund IS DISTINCT FROM CASE WHEN t.payment IS NOT NULL THEN t.amount END

-- Each wallet agrees with the answers.
UNION ALL
	SELECT 'the wallet is not what was told', format('%s: told %s, has %s', m.person, m.balance, coalesce(w.balance, 0))
	FROM (SELECT x.person, sum(x.amount) AS balance FROM (
		SELECT DISTINCT c.person, c.key, (c.body ->> 'amount')::bigint AS amount FROM call c WHERE c.kind = 'charge' AND c.status = 201
		UNION ALL SELECT p.person, p.payment::text, -p.amount FROM paid p
		UNION ALL SELECT t.person, t.reservation::text, t.refund FROM told t WHERE t.refund IS NOT NULL
		UNION ALL SELECT DISTINCT c.person, NULL, 0 FROM call c) x GROUP BY x.person) m
	LEFT JOIN point.wallets w ON w.user_id = m.person
	WHERE m.balance <> coalesce(w.balance, 0)
UNION ALL
	SELECT 'a payment that nobody was told of', format('payment %s (%s) of reservation %s', y.payment_id, y.status, y.reservation_id)
	FROM payment.payments y JOIN made m ON m.reservation = y.reservation_id
	WHERE y.status <> 'FAILED' AND NOT EXISTS (SELECT FROM paid p WHERE p.payment = y.payment_id AND p.reservation = y.reservation_id)
UNION ALL
	SELECT 'told paid, and no such payment', format('payment %s of reservation %s', p.payment, p.reservation)
	FROM paid p WHERE NOT EXISTS (SELECT FROM payment.payments y WHERE y.payment_id = p.payment AND y.reservation_id = p.reservation
	    AND y.amount = p.amount AND y.status IN ('APPROVED', 'REFUNDED'))

-- The invariants, independent of all answers.
UNION ALL
	SELECT i.name, i.detail FROM platform.invariants i
UNION ALL
	SELECT 'the ledger is broken', format('%s: entry %s of %s', v.broken, v.broken_version, v.broken_user)
	FROM point.verify() v WHERE v.broken IS NOT NULL;
