-- payment.emit(): the event of a payment's new state (docs/events.md): PaymentPending, PaymentApproved, PaymentFailed,
-- PaymentRefundPending or PaymentRefunded. A trigger of payment.payments calls it for each changed row, which is
-- locked.
CREATE OR REPLACE FUNCTION payment.emit() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	INSERT INTO platform.outbox (type, key, data)
	VALUES (
	    CASE NEW.status WHEN 'PENDING' THEN 'PaymentPending' WHEN 'APPROVED' THEN 'PaymentApproved'
		WHEN 'FAILED' THEN 'PaymentFailed' WHEN 'REFUND_PENDING' THEN 'PaymentRefundPending'
		ELSE 'PaymentRefunded' END,
	    NEW.payment_id,
	    json_build_object('paymentId', NEW.payment_id, 'reservationId', NEW.reservation_id, 'userId', NEW.user_id,
		'method', NEW.method, 'amount', NEW.amount, 'status', NEW.status, 'failureCode', NEW.failure_code));
	RETURN NULL;
END
$$;
