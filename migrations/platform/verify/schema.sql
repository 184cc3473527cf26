BEGIN;

SELECT ROW('OK', '{}', NULL, false, 'r')::platform.reply;
SELECT schema_name, content_hash, applied_at FROM platform.applied WHERE false;

ROLLBACK;
