-- reservation.confirm_many(users, reservations, amounts, payments): for schema payment: reservation.claim_for_payment
-- and reservation.confirm for many reservations, as a set. Each array has one element for each request. A reservation
-- becomes CONFIRMED, and its seats SOLD_OUT, if it is the user's own HOLD, costs the amount (KRW), and has more than
-- one second left. Returns the ids of these reservations. The others stay as they are; the caller asks
-- reservation.claim_for_payment about them.
--
-- The caller has locked the users, and names no reservation twice. Locks the reservations, then their seats, and waits
-- for a transaction that has locked one of them, as reservation.lock_own_seats does for a live hold. The limit per user
-- needs no new check: the user is locked and has taken no seat since the hold.
--
-- A live HOLD has all its seats. Raises if one is missing, or if a hold has run out by the end of the call, so that no
-- wait revives a dead hold. Such a transaction must not commit.
CREATE OR REPLACE FUNCTION reservation.confirm_many(
	p_users		uuid[],
	p_reservations	uuid[],
	p_amounts	bigint[],
	p_payments	uuid[])
RETURNS uuid[]
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_confirmed	uuid[];
	v_first_end	timestamptz;
	v_seats		uuid[];		-- the seats of all these holds. For each seat:
	v_seat_of	uuid[];		-- the reservation
	v_epochs	bigint[];	-- the hold epoch
	v_sold		int;
BEGIN
	WITH confirmed AS (
		UPDATE reservation.reservations r
		SET status = 'CONFIRMED', payment_id = a.payment_id, confirmed_at = v_now
		FROM unnest(p_users, p_reservations, p_amounts, p_payments) a (user_id, reservation_id, amount, payment_id)
		-- The second condition makes every plan read only these reservations, by their key.
		WHERE r.reservation_id = a.reservation_id AND r.reservation_id = ANY (p_reservations)
		  AND (r.user_id = a.user_id) IS TRUE AND r.status = 'HOLD' AND r.total_amount = a.amount
		  AND r.hold_expires_at > v_now + interval '1 second'
		RETURNING r.reservation_id, r.hold_expires_at)
	SELECT array_agg(c.reservation_id), min(c.hold_expires_at) INTO v_confirmed, v_first_end FROM confirmed c;
	IF v_confirmed IS NULL THEN
		RETURN '{}';
	END IF;

	SELECT array_agg(c.seat_id), array_agg(c.reservation_id), array_agg(c.hold_epoch) INTO v_seats, v_seat_of, v_epochs
	FROM reservation.reservation_seats c WHERE c.reservation_id = ANY (v_confirmed);

	UPDATE reservation.seats s
	SET status = 'SOLD_OUT', hold_expires_at = NULL, changes = s.changes + 1, changed_xid = pg_current_xact_id()
	FROM unnest(v_seats, v_seat_of, v_epochs) c (seat_id, reservation_id, hold_epoch)
	WHERE s.seat_id = c.seat_id AND s.seat_id = ANY (v_seats)
	  AND s.status = 'HOLD' AND s.reservation_id = c.reservation_id AND s.hold_epoch = c.hold_epoch;
	GET DIAGNOSTICS v_sold = ROW_COUNT;

	IF v_sold <> cardinality(v_seats) THEN
		RAISE EXCEPTION 'only % of % seats are still held', v_sold, cardinality(v_seats);
	ELSIF clock_timestamp() >= v_first_end THEN
		RAISE EXCEPTION 'a hold has run out while it was confirmed';
	END IF;
	RETURN v_confirmed;
END
$$;
GRANT EXECUTE ON FUNCTION reservation.confirm_many(uuid[], uuid[], bigint[], uuid[]) TO payment_owner;
