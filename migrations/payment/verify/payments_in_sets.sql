BEGIN;

SELECT 1 / (count(*) = 1)::int FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname = 'emit_made' AND t.tgrelid = 'payment.payments'::regclass AND t.tgnewtable = 'made';

ROLLBACK;
