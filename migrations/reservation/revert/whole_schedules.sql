BEGIN;

DROP FUNCTION reservation.check_schedule() CASCADE;

COMMIT;
