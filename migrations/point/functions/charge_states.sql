-- point.charge_states(payment_keys, orders): the status of each charge with one of these payment keys and its order id at the
-- provider (arrays of the same length), for payment.card_states.
--
-- Reads an index, locks nothing.
CREATE OR REPLACE FUNCTION point.charge_states(p_payment_keys text[], p_orders text[])
RETURNS TABLE (payment_key text, order_id text, status text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN QUERY
	SELECT c.payment_key, c.order_id, c.status
	FROM unnest(p_payment_keys, p_orders) a (payment_key, order_id)
	JOIN point.charges c ON c.payment_key = a.payment_key AND c.order_id = a.order_id;
END
$$;
GRANT EXECUTE ON FUNCTION point.charge_states(text[], text[]) TO payment_owner;
