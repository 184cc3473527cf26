-- reservation.claim_for_payment(user, reservation, amount): may this be paid now?
-- OK, and until the transaction ends the reservation and its seats are locked:
-- they stay payable, also past their time. RESERVATION_NOT_FOUND (also somebody
-- else's), RESERVATION_ALREADY_PAID, RESERVATION_CANCELLED, RESERVATION_EXPIRED,
-- AMOUNT_MISMATCH: nothing is changed.
CREATE OR REPLACE FUNCTION reservation.claim_for_payment(p_user uuid, p_reservation uuid, p_amount bigint)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reservation	reservation.reservations;
	v_all_ours	boolean;
BEGIN
	SELECT * INTO v_reservation FROM reservation.reservations r
	WHERE r.reservation_id = p_reservation AND r.user_id = p_user
	FOR UPDATE;
	IF NOT FOUND THEN
		RETURN platform.refuse('RESERVATION_NOT_FOUND');
	ELSIF v_reservation.status = 'CONFIRMED' THEN
		RETURN platform.refuse('RESERVATION_ALREADY_PAID');
	ELSIF v_reservation.status = 'CANCELLED' THEN
		RETURN platform.refuse('RESERVATION_CANCELLED');
	ELSIF v_reservation.status = 'EXPIRED' THEN
		RETURN platform.refuse('RESERVATION_EXPIRED');
	END IF;

	v_all_ours := reservation.lock_own_seats(p_reservation);
	-- The clock after the locks: no wait brings a dead hold back.
	IF NOT v_all_ours OR v_reservation.hold_expires_at <= clock_timestamp() THEN
		RETURN platform.refuse('RESERVATION_EXPIRED');
	END IF;

	IF v_reservation.total_amount <> p_amount THEN
		RETURN platform.refuse('AMOUNT_MISMATCH');
	END IF;
	RETURN platform.ok(NULL);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.claim_for_payment(uuid, uuid, bigint) TO payment_owner;
