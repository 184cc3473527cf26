BEGIN;

ALTER TABLE reservation.reservations DROP COLUMN hold_extended_at;

COMMIT;
