BEGIN;

-- An index of some rows only is used where a query says its condition as it is written here, with IS TRUE, and nowhere
-- else. Without that, whoever looks up one row by its key, and looks at its state too, may be planned through the index of
-- all rows in that state: the shortest way by statistics of a quiet hour, and the longest in the next sale.

CREATE INDEX seats_available_by_name ON reservation.seats (schedule_id, grade, row_no, section_no, number) WHERE (status = 'AVAILABLE') IS TRUE;
DROP INDEX reservation.seats_available;
ALTER INDEX reservation.seats_available_by_name RENAME TO seats_available;

CREATE INDEX seats_held_by_name ON reservation.seats (schedule_id, hold_expires_at) WHERE (status = 'HOLD') IS TRUE;
DROP INDEX reservation.seats_held;
ALTER INDEX reservation.seats_held_by_name RENAME TO seats_held;

CREATE INDEX reservations_held_by_name ON reservation.reservations (hold_expires_at) WHERE (status = 'HOLD') IS TRUE;
DROP INDEX reservation.reservations_held;
ALTER INDEX reservation.reservations_held_by_name RENAME TO reservations_held;

CREATE UNIQUE INDEX one_live_claim_a_seat_by_name ON reservation.reservation_seats (schedule_id, seat_id) WHERE live IS TRUE;
DROP INDEX reservation.one_live_claim_a_seat;
ALTER INDEX reservation.one_live_claim_a_seat_by_name RENAME TO one_live_claim_a_seat;

COMMIT;
