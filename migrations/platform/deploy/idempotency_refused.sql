-- A refusal that changed nothing may be forgotten early; of each user a bounded number is kept (idempotency_end).

BEGIN;

SET LOCAL ROLE platform_owner;

ALTER TABLE platform.idempotency ADD COLUMN refused boolean NOT NULL DEFAULT false;

COMMENT ON COLUMN platform.idempotency.refused IS 'The request changed nothing: its answer may be forgotten.';

COMMIT;
