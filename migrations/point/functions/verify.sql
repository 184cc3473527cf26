-- point.verify([user [, page]]): recomputes the hash chain of one user's ledger, or of all ledgers, and compares each
-- wallet with its newest entry. Returns one row: the numbers of wallets and entries that were checked, and `broken`. If
-- broken is not NULL, it says what is wrong with the first wrong entry or wallet, and the last three columns name it.
--
-- It reads `page` rows at a time, each page with a new snapshot. So memory is bounded, and movements during the check
-- do no harm. For operators; no service may call it. It cannot find a ledger whose end was rewritten together with its
-- wallet and all hashes from there on. To find that, keep copies of the hashes elsewhere.
CREATE OR REPLACE FUNCTION point.verify(p_user uuid DEFAULT NULL, p_page int DEFAULT 10000)
RETURNS TABLE (wallets bigint, entries bigint, broken text, broken_user uuid, broken_version bigint, broken_entry uuid)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_zero		CONSTANT bytea := decode(repeat('00', 32), 'hex');
	v_from		CONSTANT uuid := coalesce(p_user, '00000000-0000-0000-0000-000000000000');
	v_to		CONSTANT uuid := coalesce(p_user, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
	v_before	point.entries;
	v_entry		point.entries;
	v_wallet	record;
	v_seen		uuid;
	v_rows		int;
BEGIN
	wallets := 0;
	entries := 0;

	LOOP
		v_rows := 0;
		FOR v_entry IN
			SELECT e.* FROM point.entries e
			WHERE (e.user_id, e.version) > (coalesce(v_before.user_id, v_from), coalesce(v_before.version, 0))
			  AND e.user_id <= v_to
			ORDER BY e.user_id, e.version
			LIMIT p_page
		LOOP
			v_rows := v_rows + 1;
			entries := entries + 1;
			IF v_before.user_id IS DISTINCT FROM v_entry.user_id THEN
				v_before.version := 0;
				v_before.hash := v_zero;
				v_before.balance_after := 0;
				IF NOT EXISTS (SELECT FROM point.wallets w WHERE w.user_id = v_entry.user_id) THEN
					broken := 'its wallet is missing';
				END IF;
			END IF;
			broken := coalesce(broken, CASE
				WHEN v_entry.hash <> point.entry_hash(v_entry) THEN 'its hash is not that of its fields'
				WHEN v_entry.version <> v_before.version + 1 THEN 'the entry before it is missing'
				WHEN v_entry.prev_hash <> v_before.hash THEN 'it does not name the hash of the entry before it'
				WHEN v_entry.balance_after <> v_before.balance_after
				    + CASE v_entry.type WHEN 'DEDUCT' THEN -v_entry.amount ELSE v_entry.amount END
				    THEN 'its balance does not follow from the entry before it'
				END);
			IF broken IS NOT NULL THEN
				broken_user := v_entry.user_id;
				broken_version := v_entry.version;
				broken_entry := v_entry.entry_id;
				RETURN NEXT;
				RETURN;
			END IF;
			v_before := v_entry;
		END LOOP;
		RAISE DEBUG 'verified % entries', entries;
		EXIT WHEN v_rows < p_page;
	END LOOP;

	LOOP
		v_rows := 0;
		FOR v_wallet IN
			SELECT w.user_id, e.version, e.entry_id,
			       (w.version, w.balance, w.hash) IS DISTINCT FROM
			       (coalesce(e.version, 0), coalesce(e.balance_after, 0), coalesce(e.hash, v_zero)) AS differs
			FROM (
				SELECT * FROM point.wallets w
				WHERE w.user_id >= v_from AND w.user_id <= v_to
				  AND (v_seen IS NULL OR w.user_id > v_seen)
				ORDER BY w.user_id
				LIMIT p_page) w
			LEFT JOIN LATERAL (
				SELECT e.* FROM point.entries e
				WHERE e.user_id = w.user_id ORDER BY e.version DESC LIMIT 1) e ON true
			ORDER BY w.user_id
		LOOP
			v_rows := v_rows + 1;
			wallets := wallets + 1;
			v_seen := v_wallet.user_id;
			IF v_wallet.differs THEN
				broken := 'its wallet does not stand where it, the newest entry, left it';
				broken_user := v_wallet.user_id;
				broken_version := v_wallet.version;
				broken_entry := v_wallet.entry_id;
				RETURN NEXT;
				RETURN;
			END IF;
		END LOOP;
		RAISE DEBUG 'verified % entries, and % wallets against them', entries, wallets;
		EXIT WHEN v_rows < p_page;
	END LOOP;

	RETURN NEXT;
END
$$;
