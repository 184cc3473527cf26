BEGIN;

SELECT 1 / (pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%')::int FROM pg_index WHERE indexrelid = 'point.charges_due'::regclass;
SELECT 1 / (pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%')::int FROM pg_index WHERE indexrelid = 'point.charges_open_of_user'::regclass;

ROLLBACK;
