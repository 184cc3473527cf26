BEGIN;

DROP INDEX platform.idempotency_by_age;

COMMIT;
