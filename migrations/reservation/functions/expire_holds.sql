-- reservation.expire_holds(limit): marks up to `limit` holds EXPIRED that have run out, and frees their seats. Returns
-- their number. It skips rows that another transaction has locked and never waits.
--
-- A hold is ended only if all seats that it still claims could be locked. A seat that another hold has taken meanwhile
-- has another hold epoch and is not touched.
--
-- Locks the reservations, then the seats, without waiting.
CREATE OR REPLACE FUNCTION reservation.expire_holds(p_limit int)
RETURNS int
LANGUAGE plpgsql VOLATILE
AS $$
DECLARE
	v_now	timestamptz := clock_timestamp();
	v_dead	uuid[];		-- the reservations of these holds
	v_seats	uuid[];
BEGIN
	v_dead := ARRAY(
		SELECT r.reservation_id FROM reservation.reservations r
		WHERE (r.status = 'HOLD') IS TRUE AND r.hold_expires_at <= v_now
		ORDER BY r.hold_expires_at LIMIT p_limit
		FOR UPDATE SKIP LOCKED);
	IF v_dead = '{}' THEN
		RETURN 0;
	END IF;

	v_seats := ARRAY(
		SELECT s.seat_id FROM reservation.reservation_seats c
		JOIN reservation.seats s ON s.seat_id = c.seat_id AND s.reservation_id = c.reservation_id AND s.hold_epoch = c.hold_epoch
		WHERE c.reservation_id = ANY (v_dead) AND c.live
		ORDER BY s.seat_id
		FOR UPDATE OF s SKIP LOCKED);
	v_dead := ARRAY(
		SELECT d.reservation_id FROM unnest(v_dead) d (reservation_id)
		WHERE NOT EXISTS (SELECT FROM reservation.reservation_seats c
		    WHERE c.reservation_id = d.reservation_id AND c.live AND c.seat_id <> ALL (v_seats)));

	UPDATE reservation.seats s
	SET status = 'AVAILABLE', reservation_id = NULL, hold_expires_at = NULL,
	    changes = s.changes + 1, changed_xid = pg_current_xact_id()
	WHERE s.seat_id = ANY (v_seats) AND s.reservation_id = ANY (v_dead) AND s.status = 'HOLD';

	UPDATE reservation.reservation_seats c SET live = false
	WHERE c.reservation_id = ANY (v_dead) AND c.live;

	UPDATE reservation.reservations r SET status = 'EXPIRED', expired_at = v_now
	WHERE r.reservation_id = ANY (v_dead);

	RETURN cardinality(v_dead);
END
$$;
