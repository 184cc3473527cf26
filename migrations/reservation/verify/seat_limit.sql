BEGIN;

SELECT seat_limit FROM reservation.reservations WHERE false;

ROLLBACK;
