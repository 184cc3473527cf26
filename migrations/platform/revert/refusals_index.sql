BEGIN;

DROP INDEX platform.idempotency_refusals;
CREATE INDEX idempotency_refusals ON platform.idempotency (user_id, created_at) WHERE refused IS TRUE;

COMMIT;
