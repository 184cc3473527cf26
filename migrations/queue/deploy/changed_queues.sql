-- The queues that operators have changed, for their list (functions/list_changed.sql). The condition is used by name
-- (docs/adr/0016-indexes-of-some-rows-are-used-by-name.md).

BEGIN;

SET LOCAL ROLE queue_owner;

CREATE INDEX changed_queues ON queue.queues (schedule_id) WHERE (revision > 0) IS TRUE;

COMMIT;
