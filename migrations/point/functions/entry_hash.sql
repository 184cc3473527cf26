-- point.entry_hash(entry): SHA-256 over all of an entry but its hash, in one
-- fixed spelling: fields joined by '|', hex and UUIDs in lower case, the time in
-- microseconds since 1970. The first field names the spelling; another spelling
-- would get another name.
--
-- PL/pgSQL, as is entry_json: PostgreSQL would plan a SQL function anew each time.
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
