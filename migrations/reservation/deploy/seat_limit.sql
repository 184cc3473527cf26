-- The limit per user that a reservation was made under. NULL: made before there was one. So that the invariant can
-- tell a user who has too many seats from an operator who has lowered the schedule's limit since.

BEGIN;

SET LOCAL ROLE reservation_owner;

ALTER TABLE reservation.reservations ADD COLUMN seat_limit int CHECK (seat_limit BETWEEN 1 AND 100);

COMMIT;
