-- Another user may try a payment key too: the provider refuses that, because the key is bound to one order, and the
-- order names the user. So a charge is unique by payment key and order, and a payment key is credited once.
-- Without a transaction, as named_indexes; a change that was interrupted is done again from the start.

DROP INDEX CONCURRENTLY IF EXISTS point.charges_one_an_order;
CREATE UNIQUE INDEX CONCURRENTLY charges_one_an_order ON point.charges (payment_key, order_id);
DROP INDEX CONCURRENTLY IF EXISTS point.charges_credited_once;
CREATE UNIQUE INDEX CONCURRENTLY charges_credited_once ON point.charges (payment_key) WHERE (status = 'CHARGED') IS TRUE;
