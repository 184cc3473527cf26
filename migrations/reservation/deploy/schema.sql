BEGIN;

CREATE SCHEMA reservation AUTHORIZATION reservation_owner;
GRANT USAGE ON SCHEMA reservation TO reservation_service, queue_service, payment_owner;

COMMIT;
