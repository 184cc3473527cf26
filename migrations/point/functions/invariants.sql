-- point.invariants: each row is a violation (platform.invariants). The guards of the tables make all of them
-- impossible. This view shows them if a guard is missing. point.verify checks more: it recomputes every hash.
CREATE OR REPLACE VIEW point.invariants AS
	SELECT 'balance_is_ledger_sum' AS name,
	       format('wallet %s has %s, its ledger adds up to %s', w.user_id, w.balance, coalesce(l.total, 0)) AS detail
	FROM point.wallets w
	LEFT JOIN (
		SELECT e.user_id, sum(CASE e.type WHEN 'DEDUCT' THEN -e.amount ELSE e.amount END) AS total
		FROM point.entries e GROUP BY e.user_id) l USING (user_id)
	WHERE w.balance <> coalesce(l.total, 0)
	UNION ALL
	SELECT 'wallet_is_newest_entry',
	       format('wallet %s is at version %s with %s, its newest entry is %s with %s', coalesce(w.user_id, e.user_id),
		   coalesce(w.version::text, 'none'), w.balance, coalesce(e.version::text, 'none'), e.balance_after)
	FROM point.wallets w
	FULL JOIN (
		SELECT DISTINCT ON (user_id) user_id, version, balance_after, hash
		FROM point.entries ORDER BY user_id, version DESC) e USING (user_id)
	WHERE (w.version, w.balance, w.hash) IS DISTINCT FROM
	      (coalesce(e.version, 0), coalesce(e.balance_after, 0), coalesce(e.hash, decode(repeat('00', 32), 'hex')))
	UNION ALL
	SELECT 'versions_have_no_gap', format('ledger of %s has %s entries up to version %s', e.user_id, count(*), max(e.version))
	FROM point.entries e GROUP BY e.user_id HAVING count(*) <> max(e.version) OR min(e.version) <> 1
	UNION ALL
	SELECT 'balance_not_negative', format('wallet %s has %s', w.user_id, w.balance)
	FROM point.wallets w WHERE w.balance < 0
	UNION ALL
	SELECT 'operation_moves_once', format('operation %s has %s %s entries', e.operation_id, count(*), e.type)
	FROM point.entries e GROUP BY e.operation_id, e.type HAVING count(*) > 1
	UNION ALL
	SELECT 'given_back_within_taken', format('operation %s took %s and gave back %s', e.operation_id,
		   coalesce(sum(e.amount) FILTER (WHERE e.type = 'DEDUCT'), 0),
		   sum(e.amount) FILTER (WHERE e.type = 'ROLLBACK'))
	FROM point.entries e WHERE e.type IN ('DEDUCT', 'ROLLBACK')
	GROUP BY e.operation_id
	HAVING sum(CASE e.type WHEN 'DEDUCT' THEN e.amount ELSE -e.amount END) < 0
	UNION ALL
	SELECT 'charged_is_in_the_ledger', format('charge %s of %s is %s and the ledger has %s', c.charge_id, c.amount, c.status,
		   coalesce(e.amount::text, 'nothing'))
	FROM point.charges c
	LEFT JOIN point.entries e ON e.operation_id = c.charge_id AND e.type = 'CHARGE' AND e.user_id = c.user_id
	WHERE e.amount IS DISTINCT FROM CASE c.status WHEN 'CHARGED' THEN c.amount END
	UNION ALL
	SELECT 'a_card_charges_once', format('one card payment at the provider is credited for %s charges', count(*))
	FROM point.charges c WHERE c.status = 'CHARGED' GROUP BY c.payment_key HAVING count(*) > 1
	UNION ALL
	-- Look-ups settle a charge long before a day is over. After that an operator decides (docs/operations.md).
	SELECT 'charge_uncertain_for_too_long', format('charge %s is %s and its outcome is unknown since %s', c.charge_id, c.status, c.asked_at)
	FROM point.charges c WHERE (c.due_at IS NOT NULL) IS TRUE AND c.asked_at < now() - interval '1 day'
	UNION ALL
	SELECT 'charging_says_the_wallet', format('wallet %s is %s with %s charges under way', w.user_id, w.status, o.open)
	FROM point.wallets w, LATERAL (
		SELECT count(*) AS open FROM point.charges c WHERE c.user_id = w.user_id AND (c.status = 'CHARGING') IS TRUE) o
	WHERE (w.status = 'CHARGING') <> (o.open > 0)
	UNION ALL
	SELECT 'kept_answer_has_its_effect', format('user %s, key %s: no charge %s of %s', k.user_id, k.key, k.body ->> 'chargeId', k.body ->> 'amount')
	FROM platform.kept_answers('points.charge') k
	LEFT JOIN point.entries e ON e.operation_id = (k.body ->> 'chargeId')::uuid AND e.type = 'CHARGE'
	    AND e.user_id = k.user_id AND e.amount = (k.body ->> 'amount')::bigint
	WHERE k.outcome = 'CREATED' AND e.entry_id IS NULL;
