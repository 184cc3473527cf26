-- platform.violations(): the rows of every schema's view `invariants` (name
-- text, detail text), each name with its schema in front. Every row is a
-- violation; none is how it should be. A schema joins in by having such a
-- view. Those that keep seats and money must have one: where it is missing,
-- that is a violation too. Runs as its caller: an operator.
CREATE OR REPLACE FUNCTION platform.violations()
RETURNS TABLE (name text, detail text)
LANGUAGE plpgsql STABLE SET search_path = ''
AS $$
DECLARE
	v_schema	text;
BEGIN
	RETURN QUERY
	SELECT n.nspname || '.invariants', 'there is no such view'
	FROM pg_namespace n
	WHERE n.nspname IN ('reservation', 'payment', 'point')
	  AND NOT EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = 'invariants' AND c.relkind = 'v');

	FOR v_schema IN
		SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relname = 'invariants' AND c.relkind = 'v' AND n.nspname <> 'platform'
		ORDER BY n.nspname
	LOOP
		RETURN QUERY EXECUTE format('SELECT %L || v.name, v.detail FROM %I.invariants v', v_schema || '.', v_schema);
	END LOOP;
END
$$;

-- platform.invariants: the same to select from. Looked up when it is asked,
-- so it stands whichever schemas are there.
CREATE OR REPLACE VIEW platform.invariants AS
	SELECT v.name, v.detail FROM platform.violations() v;
