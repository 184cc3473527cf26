BEGIN;

SELECT 1 / (count(*) = 0)::int FROM pg_constraint WHERE conrelid = 'point.charges'::regclass AND conname = 'charges_one_a_payment_key';

ROLLBACK;
