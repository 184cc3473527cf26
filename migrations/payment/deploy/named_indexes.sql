BEGIN;

-- An index of some rows only is used where a query says its condition as it is written here, with IS TRUE, and nowhere
-- else. Without that, whoever looks up one row by its key, and looks at its state too, may be planned through the index of
-- all rows in that state: the shortest way by statistics of a quiet hour, and the longest in the next sale.

CREATE INDEX cards_due_by_name ON payment.cards (due_at) WHERE (due_at IS NOT NULL) IS TRUE;
DROP INDEX payment.cards_due;
ALTER INDEX payment.cards_due_by_name RENAME TO cards_due;

CREATE INDEX payments_pending_of_user_by_name ON payment.payments (user_id) WHERE (status = 'PENDING') IS TRUE;
DROP INDEX payment.payments_pending_of_user;
ALTER INDEX payment.payments_pending_of_user_by_name RENAME TO payments_pending_of_user;

CREATE UNIQUE INDEX payments_one_a_reservation_by_name ON payment.payments (reservation_id) WHERE (status <> 'FAILED') IS TRUE;
DROP INDEX payment.payments_one_a_reservation;
ALTER INDEX payment.payments_one_a_reservation_by_name RENAME TO payments_one_a_reservation;

CREATE INDEX payments_failed_of_reservation_by_name ON payment.payments (reservation_id, payment_id) WHERE (status = 'FAILED') IS TRUE;
DROP INDEX payment.payments_failed_of_reservation;
ALTER INDEX payment.payments_failed_of_reservation_by_name RENAME TO payments_failed_of_reservation;

COMMIT;
