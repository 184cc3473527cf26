BEGIN;

SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 'reservation.seats_given_back'::regclass AND indisvalid;

ROLLBACK;
