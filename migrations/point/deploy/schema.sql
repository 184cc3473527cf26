-- The schema of the point service: wallets and their ledger. Whoever may call
-- its functions may use it; nobody but its owner has rights on its tables.

BEGIN;

CREATE SCHEMA point AUTHORIZATION point_owner;
GRANT USAGE ON SCHEMA point TO point_service, payment_owner;

COMMIT;
