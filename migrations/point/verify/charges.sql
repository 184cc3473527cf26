BEGIN;

SELECT charge_id, user_id, amount, status, payment_key, provider_code, idempotency_key, request_hash, request_id, tries,
       due_at, leased_until, created_at, settled_at
  FROM point.charges WHERE false;
SELECT 1 / (NOT has_table_privilege('point_service', 'point.charges', 'SELECT'))::int;

ROLLBACK;
