-- What is asked of one user: which seats of a schedule the user has, which holds of it ended unpaid, and the list of
-- reservations, of one status or all. Each reads as many rows as it answers, however many reservations the user has.
--
-- Beside people who buy: without a transaction, as named_indexes. The conditions are used by name
-- (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md). reservations_by_user_status has user_id first and replaces
-- reservations_by_user.

DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_owned;
CREATE INDEX CONCURRENTLY reservations_owned ON reservation.reservations (schedule_id, user_id)
	WHERE (status IN ('HOLD', 'CONFIRMED')) IS TRUE;

DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_unpaid;
CREATE INDEX CONCURRENTLY reservations_unpaid ON reservation.reservations (schedule_id, user_id, (coalesce(cancelled_at, hold_expires_at)))
	WHERE (status = 'EXPIRED' OR status = 'CANCELLED' AND payment_id IS NULL) IS TRUE;

DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_by_user_status;
CREATE INDEX CONCURRENTLY reservations_by_user_status ON reservation.reservations (user_id, status, reservation_id DESC);
DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_by_user;
