BEGIN;

-- What is left in it are functions.
DROP SCHEMA payment CASCADE;

COMMIT;
