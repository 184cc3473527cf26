BEGIN;

SELECT heard_at, looked_at FROM point.charges WHERE false;

ROLLBACK;
