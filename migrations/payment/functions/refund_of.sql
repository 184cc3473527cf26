-- payment.refund_of(reservation): for schema reservation: the refund that a Reservation shows, {amount, status}. NULL
-- if there is none.
CREATE OR REPLACE FUNCTION payment.refund_of(p_reservation uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN (
		SELECT row_to_json(r) FROM (
			SELECT p.amount AS "amount", p.status AS "status"
			FROM payment.payments p
			-- The condition on FAILED is that of the partial index.
			WHERE p.reservation_id = p_reservation AND (p.status <> 'FAILED') IS TRUE
			  AND p.status IN ('REFUND_PENDING', 'REFUNDED')) r);
END
$$;
GRANT EXECUTE ON FUNCTION payment.refund_of(uuid) TO reservation_owner;
