BEGIN;

SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'point.charges_due'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'point.charges_open_of_user'::regclass;

ROLLBACK;
