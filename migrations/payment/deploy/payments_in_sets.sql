-- The events of new payments are written once a statement, for all payments that the statement makes: payment_made.
-- payment_changed stays as it is, with payment.emit. Locks nothing but payment.payments, so no lock is waited for with
-- another in hand.

BEGIN;

SET LOCAL ROLE payment_owner;

-- As functions/emit_made.sql has it: events are written from this moment on.
CREATE FUNCTION payment.emit_made() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	INSERT INTO platform.outbox (type, key, data)
	SELECT CASE m.status WHEN 'PENDING' THEN 'PaymentPending' WHEN 'APPROVED' THEN 'PaymentApproved' ELSE 'PaymentFailed' END,
	       m.payment_id,
	       json_build_object('paymentId', m.payment_id, 'reservationId', m.reservation_id, 'userId', m.user_id,
		'method', m.method, 'amount', m.amount, 'status', m.status, 'failureCode', m.failure_code)
	FROM made m;
	RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION payment.emit_made() FROM PUBLIC;

DROP TRIGGER payment_made ON payment.payments;
CREATE TRIGGER payment_made AFTER INSERT ON payment.payments
	REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION payment.emit_made();

COMMIT;
