BEGIN;

DROP FUNCTION payment.emit_made() CASCADE;
CREATE TRIGGER payment_made AFTER INSERT ON payment.payments
	FOR EACH ROW EXECUTE FUNCTION payment.emit();

COMMIT;
