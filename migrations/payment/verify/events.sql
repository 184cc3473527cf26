BEGIN;

SELECT 1 / count(*) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'emit' AND t.tgrelid = 'payment.payments'::regclass;

ROLLBACK;
