-- Each new state of a payment writes its event: none can be without one.
-- What is in an event is in functions/emit.sql, which replaces the function below;
-- here it only has to exist.

BEGIN;

SET LOCAL ROLE payment_owner;

CREATE FUNCTION payment.emit() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.emit() FROM PUBLIC;

CREATE TRIGGER payment_made AFTER INSERT ON payment.payments
	FOR EACH ROW EXECUTE FUNCTION payment.emit();
CREATE TRIGGER payment_changed AFTER UPDATE OF status ON payment.payments
	FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION payment.emit();

COMMIT;
