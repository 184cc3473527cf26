-- Drops the schema with its functions, which are not sqitch's: they are
-- re-applied whole on each migrate. Tables would stop it: they have their own reverts.

BEGIN;

DO $$
BEGIN
	EXECUTE (SELECT coalesce('DROP FUNCTION ' || string_agg(oid::regprocedure::text, ', ') || ' CASCADE', 'SELECT 1')
	    FROM pg_proc WHERE pronamespace = 'reservation'::regnamespace);
END
$$;
DROP SCHEMA reservation;

COMMIT;
