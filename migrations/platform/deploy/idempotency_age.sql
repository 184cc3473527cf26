-- Kept answers go when they are old enough (platform.clean); this finds them.

BEGIN;

SET LOCAL ROLE platform_owner;

CREATE INDEX idempotency_by_age ON platform.idempotency (created_at);

COMMIT;
