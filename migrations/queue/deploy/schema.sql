-- The schema of the queue service: the little of a queue that must outlive its
-- store. Nobody but its owner has rights on its table.

BEGIN;

CREATE SCHEMA queue AUTHORIZATION queue_owner;
GRANT USAGE ON SCHEMA queue TO queue_service;

COMMIT;
