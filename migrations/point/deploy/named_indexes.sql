-- An index of some rows only is used where a query says its condition as it is written here, with IS TRUE, and nowhere
-- else (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
--
-- Beside people who buy: without a transaction, so that no lock is waited for with another in hand. Whatever ended on the
-- way is done again from the start. Until all schemas' indexes are there and the functions follow, these read whole tables:
-- not during a sale.

DROP INDEX CONCURRENTLY IF EXISTS point.charges_due_by_name;
CREATE INDEX CONCURRENTLY charges_due_by_name ON point.charges (due_at) WHERE (due_at IS NOT NULL) IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS point.charges_due;
ALTER INDEX point.charges_due_by_name RENAME TO charges_due;

DROP INDEX CONCURRENTLY IF EXISTS point.charges_open_of_user_by_name;
CREATE INDEX CONCURRENTLY charges_open_of_user_by_name ON point.charges (user_id) WHERE (status = 'CHARGING') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS point.charges_open_of_user;
ALTER INDEX point.charges_open_of_user_by_name RENAME TO charges_open_of_user;
