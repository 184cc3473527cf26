BEGIN;

DROP TABLE reservation.seats, reservation.sections, reservation.schedules, reservation.concerts CASCADE;
DROP FUNCTION reservation.count_seat_change();

COMMIT;
