BEGIN;

ALTER TABLE reservation.schedules DROP COLUMN max_per_user, DROP COLUMN sale_closes_at;

COMMIT;
