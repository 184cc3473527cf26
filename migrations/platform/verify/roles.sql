-- Fails (division by zero) unless every role is there and the services have their limits.

BEGIN;

SELECT 1 / (count(*) = 4)::int FROM pg_roles
WHERE rolname IN ('platform_owner', 'reservation_owner', 'payment_owner', 'point_owner') AND NOT rolcanlogin;

SELECT 1 / (count(*) = 4)::int FROM pg_roles
WHERE rolname IN ('queue_service', 'reservation_service', 'payment_service', 'point_service')
  AND rolcanlogin AND NOT rolsuper AND rolconfig @> ARRAY['statement_timeout=5s', 'lock_timeout=2s'];

ROLLBACK;
