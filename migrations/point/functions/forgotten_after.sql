-- point.forgotten_after(): what nobody has confirmed the provider forgets within 30
-- minutes; a minute more, and a confirm of it can take nothing any more.
CREATE OR REPLACE FUNCTION point.forgotten_after() RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT interval '31 minutes'
$$;
