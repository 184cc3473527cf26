-- The schema of the payment service. Whoever may call its functions may use
-- it; nobody but its owner has rights on its tables.

BEGIN;

CREATE SCHEMA payment AUTHORIZATION payment_owner;
GRANT USAGE ON SCHEMA payment TO payment_service, reservation_owner;

COMMIT;
