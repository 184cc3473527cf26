BEGIN;

-- What is left in it are functions.
DROP SCHEMA point CASCADE;

COMMIT;
