BEGIN;

ALTER TABLE payment.cards DROP COLUMN heard_at, DROP COLUMN looked_at;

COMMIT;
