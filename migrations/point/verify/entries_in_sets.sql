BEGIN;

SELECT 1 / (count(*) = 2)::int FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
WHERE p.proname IN ('move_wallets', 'emit_made') AND t.tgrelid = 'point.entries'::regclass AND t.tgnewtable = 'made';
SELECT 1 / (count(*) = 1)::int FROM pg_trigger
WHERE tgname = 'entries_move_wallet' AND tgrelid = 'point.entries'::regclass AND tgenabled = 'A';

ROLLBACK;
