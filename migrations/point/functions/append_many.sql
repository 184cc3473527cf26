-- point.append_many(users, type, amounts, operations): point.append for many entries in one statement. Each array has
-- one element for each entry; the operation is also the reference. Entries of one wallet follow each other in the order
-- of the arrays. Returns the entries. The caller has locked the wallets' rows and made sure that each operation is new.
--
-- Raises if an entry is impossible or a wallet does not exist: such a transaction must not commit.
CREATE OR REPLACE FUNCTION point.append_many(p_users uuid[], p_type text, p_amounts bigint[], p_operations uuid[])
RETURNS SETOF point.entries
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_made	int;
BEGIN
	RETURN QUERY
	WITH RECURSIVE asked AS (
		SELECT a.user_id, a.amount, a.operation, row_number() OVER (PARTITION BY a.user_id ORDER BY a.n) AS k
		FROM unnest(p_users, p_amounts, p_operations) WITH ORDINALITY a (user_id, amount, operation, n)),
	-- Each wallet as it is now (k = 0) and after its k-th entry.
	stands (k, user_id, version, entry_id, amount, balance, operation, prev_hash, at, hash) AS (
		SELECT 0::bigint, w.user_id, w.version, NULL::uuid, NULL::bigint, w.balance, NULL::uuid, NULL::bytea, w.updated_at, w.hash
		FROM point.wallets w WHERE w.user_id = ANY (p_users)
	UNION ALL
		SELECT n.*, point.entry_hash(ROW(n.user_id, n.version, n.entry_id, p_type, n.amount, n.balance, n.operation, n.operation,
		    n.prev_hash, NULL, n.at))
		FROM (
			SELECT a.k, s.user_id, s.version + 1 AS version, platform.uuid_v7() AS entry_id, a.amount,
			       s.balance + CASE p_type WHEN 'DEDUCT' THEN -a.amount ELSE a.amount END AS balance, a.operation,
			       s.hash AS prev_hash,
			       -- Never earlier than the entry before it, even if the clock is set back.
			       greatest(clock_timestamp(), s.at) AS at
			FROM stands s JOIN asked a ON a.user_id = s.user_id AND a.k = s.k + 1) n)
	INSERT INTO point.entries (user_id, version, entry_id, type, amount, balance_after,
		operation_id, reference_id, prev_hash, hash, created_at)
	SELECT s.user_id, s.version, s.entry_id, p_type, s.amount, s.balance, s.operation, s.operation, s.prev_hash, s.hash, s.at
	FROM stands s WHERE s.k > 0
	RETURNING *;

	-- The trigger entries_move_wallet has updated the wallets.
	GET DIAGNOSTICS v_made = ROW_COUNT;
	IF v_made <> cardinality(p_users) THEN
		RAISE EXCEPTION 'of % entries only % have a wallet', cardinality(p_users), v_made
			USING ERRCODE = 'integrity_constraint_violation';
	END IF;
END
$$;
