BEGIN;

SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'payment.cards_due'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'payment.payments_pending_of_user'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'payment.payments_one_a_reservation'::regclass;
SELECT 1 / coalesce(pg_get_expr(indpred, indrelid) LIKE '%IS TRUE%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'payment.payments_failed_of_reservation'::regclass;

ROLLBACK;
