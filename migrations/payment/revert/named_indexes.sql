BEGIN;

DROP INDEX payment.cards_due;
CREATE INDEX cards_due ON payment.cards (due_at) WHERE due_at IS NOT NULL;
DROP INDEX payment.payments_pending_of_user;
CREATE INDEX payments_pending_of_user ON payment.payments (user_id) WHERE status = 'PENDING';
DROP INDEX payment.payments_one_a_reservation;
CREATE UNIQUE INDEX payments_one_a_reservation ON payment.payments (reservation_id) WHERE status <> 'FAILED';
DROP INDEX payment.payments_failed_of_reservation;
CREATE INDEX payments_failed_of_reservation ON payment.payments (reservation_id, payment_id) WHERE status = 'FAILED';

COMMIT;
