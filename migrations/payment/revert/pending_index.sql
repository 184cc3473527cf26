BEGIN;

DROP INDEX payment.payments_pending_of_user;
CREATE INDEX payments_pending_of_user ON payment.payments (user_id) WHERE (status = 'PENDING') IS TRUE;

COMMIT;
