-- The indexes of user_indexes get keys that no other index has. With plain columns and statistics of a quiet hour,
-- PostgreSQL may look for a user's reservation of one schedule, or for one by its place in the queue, among all
-- reservations of the user: 100,000 of them. Eight bytes also keep the indexes small. The hash is the one that partitions go by, which does not change; what has
-- the same hash by chance is told apart by the columns, written with IS TRUE
-- (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
--
-- Beside people who buy: without a transaction, as named_indexes.

DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_owned_by_name;
CREATE INDEX CONCURRENTLY reservations_owned_by_name ON reservation.reservations
	(uuid_hash_extended(user_id, uuid_hash_extended(schedule_id, 0)))
	WHERE (status IN ('HOLD', 'CONFIRMED')) IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_owned;
ALTER INDEX reservation.reservations_owned_by_name RENAME TO reservations_owned;

DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_unpaid_by_name;
CREATE INDEX CONCURRENTLY reservations_unpaid_by_name ON reservation.reservations
	(uuid_hash_extended(user_id, uuid_hash_extended(schedule_id, 0)), (coalesce(cancelled_at, hold_expires_at)))
	WHERE (status = 'EXPIRED' OR status = 'CANCELLED' AND payment_id IS NULL) IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_unpaid;
ALTER INDEX reservation.reservations_unpaid_by_name RENAME TO reservations_unpaid;

DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_by_user_status_by_name;
CREATE INDEX CONCURRENTLY reservations_by_user_status_by_name ON reservation.reservations
	(uuid_hash_extended(user_id, 0), status, reservation_id DESC);
DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_by_user_status;
ALTER INDEX reservation.reservations_by_user_status_by_name RENAME TO reservations_by_user_status;
