BEGIN;

-- An index of some rows only is used where a query says its condition as it is written here, with IS TRUE, and nowhere
-- else. Without that, whoever looks up one row by its key, and looks at its state too, may be planned through the index of
-- all rows in that state: the shortest way by statistics of a quiet hour, and the longest in the next sale.

CREATE INDEX charges_due_by_name ON point.charges (due_at) WHERE (due_at IS NOT NULL) IS TRUE;
DROP INDEX point.charges_due;
ALTER INDEX point.charges_due_by_name RENAME TO charges_due;

CREATE INDEX charges_open_of_user_by_name ON point.charges (user_id) WHERE (status = 'CHARGING') IS TRUE;
DROP INDEX point.charges_open_of_user;
ALTER INDEX point.charges_open_of_user_by_name RENAME TO charges_open_of_user;

COMMIT;
