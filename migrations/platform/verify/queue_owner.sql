BEGIN;

SELECT 1 / (count(*) = 1)::int FROM pg_roles WHERE rolname = 'queue_owner' AND NOT rolcanlogin;
SELECT 1 / has_schema_privilege('queue_owner', 'platform', 'USAGE')::int;

ROLLBACK;
