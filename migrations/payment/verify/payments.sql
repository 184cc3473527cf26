BEGIN;

SELECT payment_id, reservation_id, user_id, method, amount, status, failure_code, approved_at,
       refunded_at, refunded_amount, created_at
  FROM payment.payments WHERE false;
SELECT 1 / (indisunique AND indpred IS NOT NULL)::int
  FROM pg_index WHERE indexrelid = 'payment.payments_one_a_reservation'::regclass;
SELECT 1 / (NOT has_table_privilege('payment_service', 'payment.payments', 'SELECT'))::int;

ROLLBACK;
