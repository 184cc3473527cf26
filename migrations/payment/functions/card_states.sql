-- payment.card_states(payment_keys, orders): for an operator who compares with the provider: what is known here about each payment
-- key with its order id at the provider (arrays of the same length). A row for each pair that is known: `what` is payment or charge,
-- `status` that of the payment or the charge. If several attempts have the pair, the row is about the one that has not failed.
--
-- Reads two indexes, locks nothing. Only superusers call it.
CREATE OR REPLACE FUNCTION payment.card_states(p_payment_keys text[], p_orders text[])
RETURNS TABLE (payment_key text, order_id text, what text, status text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN QUERY
	SELECT DISTINCT ON (c.payment_key, p.reservation_id) c.payment_key, p.reservation_id::text, 'payment', p.status
	FROM unnest(p_payment_keys, p_orders) a (payment_key, order_id)
	JOIN payment.cards c ON c.payment_key = a.payment_key
	JOIN payment.payments p ON p.payment_id = c.payment_id AND p.reservation_id::text = a.order_id
	ORDER BY c.payment_key, p.reservation_id, p.status = 'FAILED';
	RETURN QUERY
	SELECT s.payment_key, s.order_id, 'charge', s.status FROM point.charge_states(p_payment_keys, p_orders) s;
END
$$;
