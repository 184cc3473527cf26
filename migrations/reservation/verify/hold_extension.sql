BEGIN;

SELECT hold_extended_at FROM reservation.reservations WHERE false;

ROLLBACK;
