BEGIN;

ALTER TABLE reservation.schedules DROP COLUMN pre_queue CASCADE, DROP COLUMN draw_seed CASCADE;

COMMIT;
