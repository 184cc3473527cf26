-- reservation.claim_for_payment(user, reservation, amount): for schema payment: may this reservation be paid now, with
-- `amount` KRW? Changes nothing.
--   OK                        yes. The reservation and its seats are locked until the transaction ends, so it stays
--                             payable until then, even past its end
--   RESERVATION_NOT_FOUND     also for another user's reservation
--   RESERVATION_ALREADY_PAID, RESERVATION_CANCELLED, RESERVATION_EXPIRED, AMOUNT_MISMATCH   no
--
-- The caller has locked the user. Locks the reservation, then its seats.
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
	-- Read the clock after the locks, so that a hold that ended during the wait is over.
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
