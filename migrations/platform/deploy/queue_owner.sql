-- The owner of the schema queue, made as the other owners are (roles.sql).

BEGIN;

DO $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'queue_owner') THEN
		CREATE ROLE queue_owner NOLOGIN;
	END IF;
	ALTER DEFAULT PRIVILEGES FOR ROLE queue_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
END
$$;
GRANT USAGE ON SCHEMA platform TO queue_owner;

COMMIT;
