-- reservation.claim_for_card(user, reservation, amount, needed_ms, wanted_ms): for schema payment: may a card payment
-- begin for this reservation? The outcomes are those of reservation.claim_for_payment. A card payment takes time, so OK
-- only if the hold lives for at least needed_ms more milliseconds.
--
-- If the hold has less than wanted_ms left, its end moves to wanted_ms from now, once in its life. That changes the
-- reservation and all its seats, which are locked here and named by their hold epochs. RESERVATION_EXPIRED also if too
-- little time is left and the end was moved before.
--
-- The caller has locked the user. Locks the reservation, then its seats.
CREATE OR REPLACE FUNCTION reservation.claim_for_card(
	p_user		uuid,
	p_reservation	uuid,
	p_amount	bigint,
	p_needed_ms	int,
	p_wanted_ms	int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_claim		platform.reply := reservation.claim_for_payment(p_user, p_reservation, p_amount);
	v_reservation	reservation.reservations;
	v_now		timestamptz := clock_timestamp();
	v_end		timestamptz := v_now + make_interval(secs => p_wanted_ms / 1000.0);
	v_claims	int;
	v_moved		int;
BEGIN
	IF v_claim.outcome <> 'OK' THEN
		RETURN v_claim;
	END IF;

	SELECT * INTO STRICT v_reservation FROM reservation.reservations r WHERE r.reservation_id = p_reservation;
	IF v_reservation.hold_expires_at >= v_end THEN
		RETURN v_claim;
	ELSIF v_reservation.hold_extended_at IS NOT NULL THEN
		IF v_reservation.hold_expires_at < v_now + make_interval(secs => p_needed_ms / 1000.0) THEN
			RETURN platform.refuse('RESERVATION_EXPIRED');
		END IF;
		RETURN v_claim;
	END IF;

	UPDATE reservation.reservations r SET hold_expires_at = v_end, hold_extended_at = v_now
	WHERE r.reservation_id = p_reservation;

	UPDATE reservation.seats s
	SET hold_expires_at = v_end, changes = s.changes + 1, changed_xid = pg_current_xact_id()
	FROM reservation.reservation_seats c
	WHERE c.reservation_id = p_reservation AND c.live
	  AND s.seat_id = c.seat_id AND s.reservation_id = c.reservation_id AND s.hold_epoch = c.hold_epoch
	  AND s.status = 'HOLD';
	GET DIAGNOSTICS v_moved = ROW_COUNT;

	SELECT count(*) INTO v_claims FROM reservation.reservation_seats c WHERE c.reservation_id = p_reservation;
	IF v_moved <> v_claims THEN
		-- Impossible while the seats are locked. Raise, so that nothing of this commits.
		RAISE EXCEPTION 'only % of % seats of reservation % got the later end', v_moved, v_claims, p_reservation;
	END IF;
	RETURN v_claim;
END
$$;
GRANT EXECUTE ON FUNCTION reservation.claim_for_card(uuid, uuid, bigint, int, int) TO payment_owner;
