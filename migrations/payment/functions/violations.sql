-- payment.violations(): the rows of the view payment.invariants. PL/pgSQL, so that it can be created before the other
-- schemas exist.
CREATE OR REPLACE FUNCTION payment.violations()
RETURNS TABLE (name text, detail text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN QUERY
	SELECT 'one_payment_a_reservation',
	       format('reservation %s has %s payments that have not failed', p.reservation_id, count(*))
	FROM payment.payments p WHERE p.status <> 'FAILED'
	GROUP BY p.reservation_id HAVING count(*) > 1
	UNION ALL
	SELECT 'refund_within_amount',
	       format('payment %s of %s has %s refunded', p.payment_id, p.amount, p.refunded_amount)
	FROM payment.payments p WHERE p.refunded_amount NOT BETWEEN 0 AND p.amount
	UNION ALL
	SELECT 'refunded_in_full',
	       format('payment %s of %s is %s with %s refunded', p.payment_id, p.amount, p.status, p.refunded_amount)
	FROM payment.payments p
	WHERE p.refunded_amount <> CASE p.status WHEN 'REFUNDED' THEN p.amount ELSE 0 END
	UNION ALL
	-- The ledger and the payments agree on the points taken and given back.
	SELECT 'points_follow_payment',
	       format('payment %s (%s, %s) took %s points and gave back %s', coalesce(p.payment_id, m.operation_id),
		   coalesce(p.status, 'not there'), p.amount, coalesce(m.taken, 0), coalesce(m.given_back, 0))
	FROM (SELECT * FROM payment.payments WHERE method = 'POINT') p
	FULL JOIN point.movements() m ON m.operation_id = p.payment_id
	WHERE p.payment_id IS NULL
	   OR m.user_id <> p.user_id
	   OR coalesce(m.taken, 0) <> CASE WHEN p.status IN ('APPROVED', 'REFUNDED') THEN p.amount ELSE 0 END
	   OR coalesce(m.given_back, 0) <> p.refunded_amount
	UNION ALL
	SELECT 'reservation_follows_payment',
	       format('payment %s is %s and its reservation %s is %s', p.payment_id, p.status, p.reservation_id, coalesce(s, 'not there'))
	FROM payment.payments p, LATERAL reservation.status_of(p.reservation_id) s
	WHERE (p.status = 'APPROVED' AND s IS DISTINCT FROM 'CONFIRMED')
	   OR (p.status = 'PENDING' AND coalesce(s, 'CONFIRMED') = 'CONFIRMED')
	   OR (p.status IN ('REFUND_PENDING', 'REFUNDED') AND coalesce(s, 'HOLD') IN ('HOLD', 'CONFIRMED'))
	UNION ALL
	-- A payment with unknown outcome is due for a look-up, and a settled one is not.
	SELECT 'uncertain_is_due',
	       format('payment %s (%s, %s) is %s', p.payment_id, p.method, p.status,
		   CASE WHEN c.payment_id IS NULL THEN 'without a card' ELSE coalesce('due ' || c.due_at, 'not due') END)
	FROM payment.payments p LEFT JOIN payment.cards c ON c.payment_id = p.payment_id
	WHERE (p.method = 'CARD') <> (c.payment_id IS NOT NULL)
	   OR p.status IN ('PENDING', 'REFUND_PENDING') AND c.due_at IS NULL
	   OR p.status = 'REFUNDED' AND c.due_at IS NOT NULL
	   -- Only a webhook makes a look-up of an APPROVED payment due.
	   OR p.status = 'APPROVED' AND c.due_at IS NOT NULL AND c.heard_at IS NULL
	UNION ALL
	-- Look-ups settle a payment long before a day is over. After that an operator decides (docs/operations.md).
	SELECT 'uncertain_for_too_long', format('payment %s is %s and its outcome is unknown since %s', p.payment_id, p.status, c.asked_at)
	FROM payment.payments p JOIN payment.cards c ON c.payment_id = p.payment_id
	WHERE (c.due_at IS NOT NULL) IS TRUE AND c.asked_at < now() - interval '1 day'
	UNION ALL
	-- A part of the money was given back at the provider. An operator decides (docs/operations.md).
	SELECT 'partly_given_back_elsewhere', format('payment %s of %s is APPROVED and partly given back at the provider', p.payment_id, p.amount)
	FROM payment.payments p JOIN payment.cards c ON c.payment_id = p.payment_id
	WHERE p.status = 'APPROVED' AND c.provider_code = 'PARTIAL_CANCELED'
	UNION ALL
	SELECT 'a_card_pays_once', format('one card payment at the provider is captured for %s of ours', count(*))
	FROM payment.payments p JOIN payment.cards c ON c.payment_id = p.payment_id
	WHERE p.status IN ('APPROVED', 'REFUND_PENDING', 'REFUNDED')
	GROUP BY c.payment_key HAVING count(*) > 1
	UNION ALL
	-- A stored answer that names a payment has that payment, and CREATED has a paid one.
	SELECT 'kept_answer_has_its_effect',
	       format('user %s, key %s: told %s, payment %s is %s', k.user_id, k.key, k.outcome, k.body ->> 'paymentId',
		   coalesce(p.status, 'not there'))
	FROM platform.kept_answers('payments.pay') k
	LEFT JOIN payment.payments p ON p.payment_id = (k.body ->> 'paymentId')::uuid AND p.user_id = k.user_id
	WHERE k.body ->> 'paymentId' IS NOT NULL
	  AND (CASE k.outcome WHEN 'CREATED' THEN p.status IN ('APPROVED', 'REFUND_PENDING', 'REFUNDED')
		AND p.amount = (k.body ->> 'amount')::bigint ELSE p.payment_id IS NOT NULL END) IS NOT TRUE;
END
$$;

-- payment.invariants: each row is a violation (platform.invariants).
CREATE OR REPLACE VIEW payment.invariants AS
	SELECT v.name, v.detail FROM payment.violations() v;
