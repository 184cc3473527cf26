BEGIN;

DROP INDEX platform.idempotency_refusals;

COMMIT;
