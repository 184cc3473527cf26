BEGIN;

SELECT 1 / has_schema_privilege('payment_owner', 'payment', 'CREATE')::int;
SELECT 1 / has_schema_privilege('payment_service', 'payment', 'USAGE')::int;
SELECT 1 / has_schema_privilege('reservation_owner', 'payment', 'USAGE')::int;
SELECT 1 / (NOT has_schema_privilege('point_service', 'payment', 'USAGE'))::int;

ROLLBACK;
