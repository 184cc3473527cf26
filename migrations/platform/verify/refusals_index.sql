BEGIN;

SELECT 1 / coalesce(pg_get_indexdef(indexrelid) LIKE '%uuid_hash_extended%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'platform.idempotency_refusals'::regclass;

ROLLBACK;
