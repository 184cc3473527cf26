BEGIN;

ALTER TABLE point.charges DROP COLUMN heard_at, DROP COLUMN looked_at;

COMMIT;
