-- payment.get_payment(user, payment): one payment of the user (GET /payments/{paymentId}). OK with the Payment, or
-- PAYMENT_NOT_FOUND, also for another user's payment.
CREATE OR REPLACE FUNCTION payment.get_payment(p_user uuid, p_payment uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_payment	payment.payments;
BEGIN
	SELECT p.* INTO v_payment FROM payment.payments p WHERE p.payment_id = p_payment AND p.user_id = p_user;
	IF NOT FOUND THEN
		RETURN platform.refuse('PAYMENT_NOT_FOUND');
	END IF;
	RETURN platform.ok(payment.payment_json(v_payment)::text);
END
$$;
GRANT EXECUTE ON FUNCTION payment.get_payment(uuid, uuid) TO payment_service;
