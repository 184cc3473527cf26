-- Without a transaction, so that nothing is locked while it is made; interrupted, it is done again from the start.
-- Rows of the release before are not in it: they go by their age.

DROP INDEX CONCURRENTLY IF EXISTS platform.idempotency_refusals;
CREATE INDEX CONCURRENTLY idempotency_refusals ON platform.idempotency (user_id, created_at) WHERE refused IS TRUE;
