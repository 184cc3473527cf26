BEGIN;

SELECT 1 / has_schema_privilege('reservation_service', 'reservation', 'USAGE')::int;
SELECT 1 / (NOT has_schema_privilege('point_service', 'reservation', 'USAGE'))::int;

ROLLBACK;
