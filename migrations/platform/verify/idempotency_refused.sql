BEGIN;

SELECT refused FROM platform.idempotency WHERE false;

ROLLBACK;
