BEGIN;

SELECT schedule_id, epoch, last_seq, admitted_to, ended, revision, updated_by, updated_at_ms, mode, max_active,
       admit, max_waiting, ttl FROM queue.queues WHERE false;
SELECT 1 / (NOT has_table_privilege('queue_service', 'queue.queues', 'SELECT'))::int;

ROLLBACK;
