BEGIN;

DROP TABLE reservation.reservation_seats, reservation.reservations CASCADE;

COMMIT;
