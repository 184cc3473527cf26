BEGIN;

SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'reservation.seats_available'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'reservation.seats_held'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'reservation.reservations_held'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'reservation.one_live_claim_a_seat'::regclass;

ROLLBACK;
