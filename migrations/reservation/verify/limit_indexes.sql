BEGIN;

SELECT 1 / coalesce(pg_get_indexdef(indexrelid) LIKE '%uuid_hash_extended%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'reservation.reservations_owned'::regclass;
SELECT 1 / coalesce(pg_get_indexdef(indexrelid) LIKE '%uuid_hash_extended%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'reservation.reservations_unpaid'::regclass;
SELECT 1 / coalesce(pg_get_indexdef(indexrelid) LIKE '%uuid_hash_extended%' AND indisvalid, false)::int FROM pg_index
WHERE indexrelid = 'reservation.reservations_by_user_status'::regclass;

ROLLBACK;
