BEGIN;

SELECT 1 / has_schema_privilege('point_owner', 'point', 'CREATE')::int;
SELECT 1 / has_schema_privilege('point_service', 'point', 'USAGE')::int;
SELECT 1 / has_schema_privilege('payment_owner', 'point', 'USAGE')::int;
SELECT 1 / (NOT has_schema_privilege('reservation_service', 'point', 'USAGE'))::int;

ROLLBACK;
