-- reservation.sweep(limit): marks holds EXPIRED that ran out and frees their seats.
-- OK with {"expired": n, "left": n}: at most `limit` holds were marked. `left` is absent
-- if it is 0; it counts, up to 10,000, the holds that ran out too and were not marked.
-- One caller at a time has the lock. Another one gets {"expired": 0} at once.
-- No decision waits for it: the database's clock decides whether a hold is alive.
CREATE OR REPLACE FUNCTION reservation.sweep(p_limit int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_expired	int;
	v_left		bigint;
	v_now		timestamptz := clock_timestamp();	-- the clock of reservation.expire_holds
BEGIN
	IF NOT pg_try_advisory_xact_lock(hashtextextended('reservation.sweep', 0)) THEN
		RETURN platform.ok('{"expired":0}');
	END IF;
	v_expired := reservation.expire_holds(p_limit);
	SELECT nullif(count(*), 0) INTO v_left FROM (
		SELECT FROM reservation.reservations r
		WHERE (r.status = 'HOLD') IS TRUE AND r.hold_expires_at <= v_now LIMIT 10000) l;
	RETURN platform.ok(concat('{"expired":', v_expired, ',"left":' || v_left, '}'));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.sweep(int) TO reservation_service;
