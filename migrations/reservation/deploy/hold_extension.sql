-- A card payment takes time that a hold may not have left: its end may be moved
-- once. When it was is kept, so that it is once.

BEGIN;

SET LOCAL ROLE reservation_owner;

ALTER TABLE reservation.reservations ADD COLUMN hold_extended_at timestamptz;

COMMIT;
