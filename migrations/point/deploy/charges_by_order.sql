-- Drops the rule that a payment key is one charge's: with it, a user who tries another user's payment key blocks the
-- owner. The indexes of charge_orders take its place.
--
-- The point.begin_charge of the release before names the dropped constraint. It runs until the functions of this
-- release are applied, so the same transaction takes the name out of it.

BEGIN;

SET LOCAL ROLE point_owner;

ALTER TABLE point.charges DROP CONSTRAINT charges_one_a_payment_key;

DO $$
DECLARE
	v_function	regprocedure := to_regprocedure('point.begin_charge(uuid, bigint, text, text, text, int, text)');
BEGIN
	IF v_function IS NOT NULL THEN
		EXECUTE replace(pg_get_functiondef(v_function), 'ON CONFLICT (payment_key) DO NOTHING', 'ON CONFLICT DO NOTHING');
	END IF;
END
$$;

COMMIT;
