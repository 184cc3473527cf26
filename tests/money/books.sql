-- Compares our books with the card provider's, and with the answers that all users got. Prints one row per violation:
-- rule, detail. A correct system has none.
--
--   cd FOLDER-WITH-books.csv-AND-history.csv && psql -f books.sql
--
-- books.csv is the simulator's: paymentKey, orderId, status, captured, refunded. history.csv: see tests/lib/users/users.h.
-- `longest` is the longest allowed time of an unknown outcome, in seconds.
\set QUIET on
\pset format unaligned
\pset tuples_only on
\pset fieldsep ': '
SET client_min_messages = warning;

CREATE TEMP TABLE provider (payment_key text PRIMARY KEY, order_id text, status text, captured bigint, refunded bigint);
\copy provider FROM 'books.csv' (FORMAT csv)
CREATE TEMP TABLE call (person uuid, kind text, key text, token text, reservation uuid, sent_us bigint,
	answered_us bigint, tries int, unknowns int, status int, code text, asked text, body json);
\copy call FROM 'history.csv' (FORMAT csv)

-- ours: all card payments and charges, and the money that they kept.
CREATE TEMP TABLE ours AS
	SELECT p.payment_id AS id, c.payment_key, p.reservation_id::text AS order_id, 'payment' AS what, p.status, p.amount,
	    CASE p.status WHEN 'APPROVED' THEN p.amount ELSE 0 END AS kept
	FROM payment.payments p JOIN payment.cards c ON c.payment_id = p.payment_id
UNION ALL
	SELECT c.charge_id, c.payment_key, c.order_id, 'charge', c.status, c.amount, CASE c.status WHEN 'CHARGED' THEN c.amount ELSE 0 END
	FROM point.charges c;

-- doubt: how long each outcome was unknown, in seconds.
CREATE TEMP TABLE doubt AS
	SELECT e.key AS id, e.type AS what, extract(epoch FROM e.ends - e.at) AS seconds
	FROM (SELECT a.key, a.type, a.at, lead(a.at) OVER (PARTITION BY a.key ORDER BY a.event_id) AS ends
		FROM (SELECT event_id, key, type, at FROM platform.events UNION ALL SELECT event_id, key, type, at FROM platform.outbox) a
		WHERE a.type LIKE 'Payment%') e
	WHERE e.type IN ('PaymentPending', 'PaymentRefundPending')
UNION ALL
	SELECT c.charge_id, 'CHARGING', extract(epoch FROM c.settled_at - c.created_at) FROM point.charges c;

-- told: the last definite answer to each key. A 202 is not definite.
CREATE TEMP TABLE told AS
	SELECT DISTINCT ON (c.person, c.kind, c.key) c.*, (c.body ->> 'paymentId')::uuid AS payment
	FROM call c WHERE c.kind IN ('pay', 'charge') AND c.status NOT IN (0, 202)
	ORDER BY c.person, c.kind, c.key, c.answered_us DESC;

	SELECT 'the books differ', format('%s %s of %s is %s and keeps %s; the provider: %s, captured %s, refunded %s',
	    coalesce(o.what, 'payment key'), coalesce(o.id::text, b.payment_key), o.amount, coalesce(o.status, 'unknown here'), o.kept,
	    coalesce(b.status, 'unknown there'), b.captured, b.refunded)
	FROM ours o FULL JOIN provider b ON b.payment_key = o.payment_key
	WHERE coalesce(o.kept, 0) <> coalesce(b.captured, 0) - coalesce(b.refunded, 0)
	   OR o.order_id IS NULL OR b.order_id <> o.order_id
	   OR b.captured NOT IN (0, o.amount) OR b.refunded > b.captured
	   OR (o.status = 'REFUNDED' AND b.captured IS NULL)
UNION ALL
	SELECT 'the charges differ from the ledger', format('charge %s of %s is %s; the ledger has %s', c.charge_id, c.amount, c.status, e.amount)
	FROM point.charges c LEFT JOIN point.entries e ON e.operation_id = c.charge_id AND e.type = 'CHARGE'
	WHERE coalesce(e.amount, 0) <> CASE c.status WHEN 'CHARGED' THEN c.amount ELSE 0 END
UNION ALL
	SELECT 'still uncertain', format('%s %s is %s', o.what, o.id, o.status)
	FROM ours o WHERE o.status IN ('PENDING', 'REFUND_PENDING', 'CHARGING')
UNION ALL
	SELECT 'uncertain for too long', format('%s of %s: %s s', d.what, d.id, round(d.seconds, 1))
	FROM doubt d WHERE d.seconds > :longest
UNION ALL
	SELECT 'invariants', format('%s: %s', i.name, i.detail) FROM platform.invariants i
UNION ALL
	SELECT 'never settled', format('%s by %s, key %s, after %s tries', c.kind, c.person, c.key, c.tries)
	FROM call c WHERE c.status = 0
UNION ALL
	SELECT 'one key, two answers', format('%s by %s, key %s', c.kind, c.person, c.key)
	FROM call c WHERE c.key IS NOT NULL AND c.status NOT IN (0, 202, 503)
	GROUP BY c.person, c.kind, c.key HAVING count(DISTINCT (c.status, c.body::text)) > 1
UNION ALL
	SELECT 'told and not so', format('%s by %s was told %s %s; payment %s is %s', t.kind, t.person, t.status, t.code, t.payment,
	    coalesce(p.status, 'not there'))
	FROM told t LEFT JOIN payment.payments p ON p.payment_id = t.payment
	WHERE t.kind = 'pay' AND (t.status = 201 AND coalesce(p.status, '') NOT IN ('APPROVED', 'REFUNDED')
	   OR t.status = 402 AND coalesce(p.status, '') <> 'FAILED'
	   -- The hold had ended: no money was captured, or it was refunded.
	   OR t.status IN (409, 410) AND t.payment IS NOT NULL AND coalesce(p.status, '') NOT IN ('FAILED', 'REFUNDED'))
UNION ALL
	SELECT 'told and not so', format('charge by %s: %s, the ledger has no %s', t.person, t.status, t.body ->> 'chargeId')
	FROM told t WHERE t.kind = 'charge' AND t.status = 201 AND NOT EXISTS (
		SELECT FROM point.entries e WHERE e.operation_id = (t.body ->> 'chargeId')::uuid AND e.type = 'CHARGE'
		   AND e.amount = (t.body ->> 'amount')::bigint)
UNION ALL
	SELECT 'cancelled and not given back', format('reservation %s: payment %s is %s', c.reservation, p.payment_id, p.status)
	FROM call c JOIN payment.payments p ON p.reservation_id = c.reservation
	WHERE c.kind = 'cancel' AND c.status = 200 AND p.status NOT IN ('FAILED', 'REFUNDED')
	GROUP BY c.reservation, p.payment_id, p.status;
