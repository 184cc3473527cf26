-- point.entry_hash(entry): SHA-256 over all fields of a ledger entry except its hash. The text is fixed: fields joined
-- by '|', hex and UUIDs in lower case, the time in microseconds since 1970. The first field, 'entry1', names this form.
-- A changed form needs another name.
--
-- PL/pgSQL, because PostgreSQL would plan an SQL function again for each call.
CREATE OR REPLACE FUNCTION point.entry_hash(p_entry point.entries) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = ''
AS $$
BEGIN
	RETURN sha256(convert_to(concat_ws('|', 'entry1', encode(p_entry.prev_hash, 'hex'),
	    p_entry.user_id, p_entry.version, p_entry.entry_id, p_entry.type, p_entry.amount,
	    p_entry.balance_after, p_entry.operation_id, p_entry.reference_id,
	    (extract(epoch FROM p_entry.created_at) * 1000000)::bigint), 'UTF8'));
END
$$;
