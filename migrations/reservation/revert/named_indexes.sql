BEGIN;

DROP INDEX reservation.seats_available;
CREATE INDEX seats_available ON reservation.seats (schedule_id, grade, row_no, section_no, number) WHERE status = 'AVAILABLE';
DROP INDEX reservation.seats_held;
CREATE INDEX seats_held ON reservation.seats (schedule_id, hold_expires_at) WHERE status = 'HOLD';
DROP INDEX reservation.reservations_held;
CREATE INDEX reservations_held ON reservation.reservations (hold_expires_at) WHERE status = 'HOLD';
DROP INDEX reservation.one_live_claim_a_seat;
CREATE UNIQUE INDEX one_live_claim_a_seat ON reservation.reservation_seats (schedule_id, seat_id) WHERE live;

COMMIT;
