-- payment.heard_of(payment): for the provider's webhook. NO_CONTENT, whether there
-- is such a payment or not; if it is a card payment that may still change, it is
-- looked up soon.
CREATE OR REPLACE FUNCTION payment.heard_of(p_payment uuid)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM payment.nudge_card(p_payment);
	RETURN ROW('NO_CONTENT', NULL, NULL, false, NULL)::platform.reply;
END
$$;
GRANT EXECUTE ON FUNCTION payment.heard_of(uuid) TO payment_service;
