BEGIN;

SELECT 1 / (count(*) = 2)::int FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname IN ('emit', 'emit_held') AND t.tgrelid = 'reservation.reservations'::regclass;

ROLLBACK;
