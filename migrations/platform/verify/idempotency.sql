BEGIN;

SELECT user_id, operation, key, request_hash, outcome, body, request_id, created_at
FROM platform.idempotency WHERE false;

ROLLBACK;
