-- platform.violations(): all rows of the views `invariants` (name, detail) of all schemas, each name with its schema in
-- front. Each row is a violation; a healthy system has none.
-- A schema takes part by having such a view. reservation, payment and point must have one; a missing view is a
-- violation too. Runs with the rights of its caller, an operator.
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

-- platform.invariants: the same as a view. It finds the schemas when it is read, so it exists before they do.
CREATE OR REPLACE VIEW platform.invariants AS
	SELECT v.name, v.detail FROM platform.violations() v;
