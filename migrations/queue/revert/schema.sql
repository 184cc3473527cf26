BEGIN;

-- What is left in it are functions.
DROP SCHEMA queue CASCADE;

COMMIT;
