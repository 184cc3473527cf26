BEGIN;

DROP TABLE platform.idempotency CASCADE;

COMMIT;
