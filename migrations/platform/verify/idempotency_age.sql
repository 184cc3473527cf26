BEGIN;

SELECT 1 / count(*) FROM pg_indexes WHERE schemaname = 'platform' AND indexname = 'idempotency_by_age';

ROLLBACK;
