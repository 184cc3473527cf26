BEGIN;

DROP INDEX queue.changed_queues;

COMMIT;
