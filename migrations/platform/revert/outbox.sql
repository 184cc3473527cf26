BEGIN;

DROP TABLE platform.outbox, platform.events, platform.relay CASCADE;

COMMIT;
