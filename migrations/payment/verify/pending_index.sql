BEGIN;

SELECT 1 / coalesce(pg_get_indexdef(indexrelid) LIKE '%uuid_hash_extended%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'payment.payments_pending_of_user'::regclass;

ROLLBACK;
