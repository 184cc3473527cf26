BEGIN;

SELECT heard_at, looked_at FROM payment.cards WHERE false;

ROLLBACK;
