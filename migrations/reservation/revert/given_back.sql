BEGIN;

DROP INDEX reservation.seats_given_back;

COMMIT;
