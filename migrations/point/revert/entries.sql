BEGIN;

DROP TRIGGER wallets_follow_ledger ON point.wallets;
DROP TRIGGER wallets_start_empty ON point.wallets;
DROP TRIGGER wallets_stay ON point.wallets;
GRANT DELETE, TRUNCATE ON point.wallets TO point_owner;
-- With the functions on it; migrate re-applies them.
DROP TABLE point.entries CASCADE;
DROP FUNCTION point.move_wallet();
DROP FUNCTION point.refuse_change();

COMMIT;
