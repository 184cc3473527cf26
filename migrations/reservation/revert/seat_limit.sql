BEGIN;

ALTER TABLE reservation.reservations DROP COLUMN seat_limit CASCADE;

COMMIT;
