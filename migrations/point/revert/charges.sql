BEGIN;

-- With the functions on it; migrate re-applies them.
DROP TABLE point.charges CASCADE;

COMMIT;
