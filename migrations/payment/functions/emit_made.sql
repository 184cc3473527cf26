-- payment.emit_made(): the event of the first state of each payment that a statement has inserted (docs/events.md):
-- PaymentPending, PaymentApproved or PaymentFailed. The trigger payment_made of payment.payments calls it.
CREATE OR REPLACE FUNCTION payment.emit_made() RETURNS trigger
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
