-- payment.for_reservation(reservation): for schema reservation: the payment that a Reservation shows, {paymentId,
-- status, method, amount}. It is the payment that has not failed, or else the last one that failed. NULL if there is no
-- payment.
CREATE OR REPLACE FUNCTION payment.for_reservation(p_reservation uuid) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_payment	payment.payments;
BEGIN
	-- Two queries, each with its own partial index. The first one nearly always finds the row.
	SELECT p.* INTO v_payment FROM payment.payments p
	WHERE p.reservation_id = p_reservation AND (p.status <> 'FAILED') IS TRUE;
	IF NOT FOUND THEN
		SELECT p.* INTO v_payment FROM payment.payments p
		WHERE p.reservation_id = p_reservation AND (p.status = 'FAILED') IS TRUE
		ORDER BY p.payment_id DESC LIMIT 1;
		IF NOT FOUND THEN
			RETURN NULL;
		END IF;
	END IF;
	RETURN (
		SELECT row_to_json(r) FROM (
			SELECT v_payment.payment_id AS "paymentId",
			       v_payment.status AS "status",
			       v_payment.method AS "method",
			       v_payment.amount AS "amount") r);
END
$$;
GRANT EXECUTE ON FUNCTION payment.for_reservation(uuid) TO reservation_owner;
