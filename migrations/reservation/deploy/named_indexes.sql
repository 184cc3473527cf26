-- An index of some rows only is used where a query says its condition as it is written here, with IS TRUE, and nowhere
-- else (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).
--
-- Beside people who buy: without a transaction, so that no lock is waited for with another in hand. Whatever ended on the
-- way is done again from the start. Until all schemas' indexes are there and the functions follow, these read whole tables:
-- not during a sale.

DROP INDEX CONCURRENTLY IF EXISTS reservation.seats_available_by_name;
CREATE INDEX CONCURRENTLY seats_available_by_name ON reservation.seats (schedule_id, grade, row_no, section_no, number) WHERE (status = 'AVAILABLE') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS reservation.seats_available;
ALTER INDEX reservation.seats_available_by_name RENAME TO seats_available;

DROP INDEX CONCURRENTLY IF EXISTS reservation.seats_held_by_name;
CREATE INDEX CONCURRENTLY seats_held_by_name ON reservation.seats (schedule_id, hold_expires_at) WHERE (status = 'HOLD') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS reservation.seats_held;
ALTER INDEX reservation.seats_held_by_name RENAME TO seats_held;

DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_held_by_name;
CREATE INDEX CONCURRENTLY reservations_held_by_name ON reservation.reservations (hold_expires_at) WHERE (status = 'HOLD') IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS reservation.reservations_held;
ALTER INDEX reservation.reservations_held_by_name RENAME TO reservations_held;

DROP INDEX CONCURRENTLY IF EXISTS reservation.one_live_claim_a_seat_by_name;
CREATE UNIQUE INDEX CONCURRENTLY one_live_claim_a_seat_by_name ON reservation.reservation_seats (schedule_id, seat_id) WHERE live IS TRUE;
DROP INDEX CONCURRENTLY IF EXISTS reservation.one_live_claim_a_seat;
ALTER INDEX reservation.one_live_claim_a_seat_by_name RENAME TO one_live_claim_a_seat;
