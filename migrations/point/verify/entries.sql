BEGIN;

SELECT user_id, version, entry_id, type, amount, balance_after, operation_id, reference_id,
       prev_hash, hash, created_at
  FROM point.entries WHERE false;
SELECT 1 / (count(*) = 5)::int
  FROM pg_trigger
 WHERE tgrelid IN ('point.entries'::regclass, 'point.wallets'::regclass) AND NOT tgisinternal AND tgenabled = 'A';
SELECT 1 / (NOT has_table_privilege('point_owner', 'point.entries', 'UPDATE'))::int;
SELECT 1 / (NOT has_table_privilege('point_owner', 'point.entries', 'DELETE'))::int;
SELECT 1 / (NOT has_table_privilege('point_owner', 'point.entries', 'TRUNCATE'))::int;
SELECT 1 / (NOT has_table_privilege('point_service', 'point.entries', 'SELECT'))::int;

ROLLBACK;
