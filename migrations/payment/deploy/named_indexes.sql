-- An index of some rows only is used where a query says its condition as it is written here, with IS TRUE, and nowhere
-- else (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
--
-- Beside people who buy: without a transaction, so that no lock is waited for with another in hand. Whatever ended on the
-- way is done again from the start. Until all schemas' indexes are there and the functions follow, these read whole tables:
-- not during a sale.

DROP INDEX CONCURRENTLY IF EXISTS payment.cards_due_by_name;
CREATE INDEX CONCURRENTLY cards_due_by_name ON payment.cards (due_at) WHERE (due_at IS NOT NULL) IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS payment.cards_due;
ALTER INDEX payment.cards_due_by_name RENAME TO cards_due;

DROP INDEX CONCURRENTLY IF EXISTS payment.payments_pending_of_user_by_name;
CREATE INDEX CONCURRENTLY payments_pending_of_user_by_name ON payment.payments (user_id) WHERE (status = 'PENDING') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS payment.payments_pending_of_user;
ALTER INDEX payment.payments_pending_of_user_by_name RENAME TO payments_pending_of_user;

DROP INDEX CONCURRENTLY IF EXISTS payment.payments_one_a_reservation_by_name;
CREATE UNIQUE INDEX CONCURRENTLY payments_one_a_reservation_by_name ON payment.payments (reservation_id) WHERE (status <> 'FAILED') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS payment.payments_one_a_reservation;
ALTER INDEX payment.payments_one_a_reservation_by_name RENAME TO payments_one_a_reservation;

DROP INDEX CONCURRENTLY IF EXISTS payment.payments_failed_of_reservation_by_name;
CREATE INDEX CONCURRENTLY payments_failed_of_reservation_by_name ON payment.payments (reservation_id, payment_id) WHERE (status = 'FAILED') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS payment.payments_failed_of_reservation;
ALTER INDEX payment.payments_failed_of_reservation_by_name RENAME TO payments_failed_of_reservation;
