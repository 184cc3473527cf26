BEGIN;

DROP INDEX point.charges_credited_once;
DROP INDEX point.charges_one_an_order;

COMMIT;
