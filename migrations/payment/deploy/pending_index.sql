-- payments_pending_of_user gets a key that no other index has. Both it and payments_of_user began with user_id, and between
-- two indexes of equal cost PostgreSQL takes the smaller one: where the small one is bloated, each payment read all payments of
-- its user. What has the same hash by chance is told apart by user_id itself
-- (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
--
-- Beside people who buy: without a transaction, as named_indexes.

DROP INDEX CONCURRENTLY IF EXISTS payment.payments_pending_of_user_by_name;
CREATE INDEX CONCURRENTLY payments_pending_of_user_by_name ON payment.payments (uuid_hash_extended(user_id, 0))
	WHERE (status = 'PENDING') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS payment.payments_pending_of_user;
ALTER INDEX payment.payments_pending_of_user_by_name RENAME TO payments_pending_of_user;
