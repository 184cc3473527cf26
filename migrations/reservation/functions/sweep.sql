-- reservation.sweep(limit): OK with {"expired": n}, at most `limit`: tidies holds
-- that have run out. One sweeper at a time; a second one finds nothing to do.
-- Nothing depends on it but tidiness: a hold is dead at its time anyway.
CREATE OR REPLACE FUNCTION reservation.sweep(p_limit int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_expired	int := 0;
BEGIN
	IF pg_try_advisory_xact_lock(hashtextextended('reservation.sweep', 0)) THEN
		v_expired := reservation.expire_holds(p_limit);
	END IF;
	RETURN platform.ok(format('{"expired":%s}', v_expired));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.sweep(int) TO reservation_service;
