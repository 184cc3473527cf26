BEGIN;

SELECT 1 / indisvalid::int FROM pg_index WHERE indexrelid = 'platform.idempotency_refusals'::regclass;

ROLLBACK;
