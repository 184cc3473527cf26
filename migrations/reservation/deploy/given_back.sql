-- Seats that were taken and are AVAILABLE again, by the transaction that gave them back: a search for the best seats begins
-- where the last one ended, and looks here for what has come back before that (functions/best_fronts.sql). The condition is
-- used by name (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
--
-- Beside people who buy: without a transaction, as named_indexes.

DROP INDEX CONCURRENTLY IF EXISTS reservation.seats_given_back;
CREATE INDEX CONCURRENTLY seats_given_back ON reservation.seats (schedule_id, grade, changed_xid)
	WHERE (status = 'AVAILABLE' AND changes > 0) IS TRUE;
