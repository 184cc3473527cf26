-- Fails if a payment key has been tried by two users: delete the FAILED ones of these charges first.

BEGIN;

ALTER TABLE point.charges ADD CONSTRAINT charges_one_a_payment_key UNIQUE (payment_key);

COMMIT;
