BEGIN;

ALTER TABLE platform.idempotency DROP COLUMN refused;

COMMIT;
