BEGIN;

SELECT payment_id, payment_key, provider_code, idempotency_key, request_hash, request_id, asked_at, sent_at, tries,
       cancel_no, nudged, due_at, leased_until
  FROM payment.cards WHERE false;
SELECT 1 / (indpred IS NOT NULL)::int FROM pg_index WHERE indexrelid = 'payment.payments_pending_of_user'::regclass;
SELECT 1 / (NOT has_table_privilege('payment_service', 'payment.cards', 'SELECT'))::int;

ROLLBACK;
