BEGIN;

SELECT charge_id, user_id, amount, status, payment_key, order_id, provider_code, idempotency_key, request_hash, request_id,
       asked_at, tries, cancel_no, nudged, due_at, leased_until, created_at, settled_at
  FROM point.charges WHERE false;
SELECT 1 / (NOT has_table_privilege('point_service', 'point.charges', 'SELECT'))::int;

ROLLBACK;
