BEGIN;

-- With the functions on it; migrate re-applies them.
DROP TABLE payment.payments CASCADE;

COMMIT;
