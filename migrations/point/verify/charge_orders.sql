BEGIN;

SELECT 1 / (indisvalid AND indisunique)::int FROM pg_index WHERE indexrelid = 'point.charges_one_an_order'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid AND indisunique, false)::int FROM pg_index
WHERE indexrelid = 'point.charges_credited_once'::regclass;

ROLLBACK;
