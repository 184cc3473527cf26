BEGIN;

SELECT user_id, balance, version, hash, status, updated_at FROM point.wallets WHERE false;
SELECT 1 / (NOT has_table_privilege('point_service', 'point.wallets', 'SELECT'))::int;

ROLLBACK;
