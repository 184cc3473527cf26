BEGIN;

DROP INDEX payment.payments_pending_of_user;
-- With the functions on it; migrate re-applies them.
DROP TABLE payment.cards CASCADE;

COMMIT;
