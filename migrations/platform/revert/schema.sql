-- Drops the platform schema; refuses while another schema stands on it.

BEGIN;

DROP TABLE platform.applied;
DO $$
DECLARE
	v_function regprocedure;
BEGIN
	-- Functions are not sqitch's: they are re-applied whole on each migrate.
	EXECUTE (SELECT coalesce('DROP FUNCTION ' || string_agg(oid::regprocedure::text, ', ') || ' CASCADE', 'SELECT 1')
	    FROM pg_proc WHERE pronamespace = 'platform'::regnamespace);
END
$$;
DROP TYPE platform.reply;
DROP SCHEMA platform;

COMMIT;
