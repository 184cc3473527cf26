BEGIN;

SELECT 1 / count(*) FROM pg_trigger WHERE tgname = 'schedule_is_whole' AND tgrelid = 'reservation.schedules'::regclass
    AND tgdeferrable AND tginitdeferred;

ROLLBACK;
