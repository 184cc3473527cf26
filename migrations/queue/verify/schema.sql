BEGIN;

SELECT 1 / has_schema_privilege('queue_owner', 'queue', 'CREATE')::int;
SELECT 1 / has_schema_privilege('queue_service', 'queue', 'USAGE')::int;
SELECT 1 / (NOT has_schema_privilege('reservation_service', 'queue', 'USAGE'))::int;

ROLLBACK;
