BEGIN;

SELECT event_id, type, key, data, at FROM platform.outbox WHERE false;
SELECT event_id, type, key, data, at, sent_at FROM platform.events WHERE false;
SELECT 1 / count(*) FROM platform.relay;

ROLLBACK;
