-- idempotency_refusals gets a key that no other index has. It and the primary key both began with user_id. Of two indexes
-- with equal cost PostgreSQL takes the smaller one, so if idempotency_refusals was bloated, a refusal read all stored
-- answers of its user (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
--
-- Without a transaction, so that it locks out no request. If it is interrupted, it starts again from the beginning.

DROP INDEX CONCURRENTLY IF EXISTS platform.idempotency_refusals_by_hash;
CREATE INDEX CONCURRENTLY idempotency_refusals_by_hash ON platform.idempotency (uuid_hash_extended(user_id, 0), created_at)
	WHERE refused IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS platform.idempotency_refusals;
ALTER INDEX platform.idempotency_refusals_by_hash RENAME TO idempotency_refusals;
