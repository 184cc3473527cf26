-- A role that owns something in another database of the cluster stays.

BEGIN;

DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'queue_owner') THEN
		DROP OWNED BY queue_owner RESTRICT;
		BEGIN
			DROP ROLE queue_owner;
		EXCEPTION WHEN dependent_objects_still_exist THEN
			RAISE NOTICE 'role queue_owner is in use by another database and stays';
		END;
	END IF;
END
$$;

COMMIT;
