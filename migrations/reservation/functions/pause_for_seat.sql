-- reservation.pause_for_seat(now): a moment's pause before another try to lock a
-- seat whose hold has run out. Half a second after `now` it fails with a
-- serialisation failure instead: all is rolled back, and the caller asks again or
-- says 503; never that the seat is not to be had, which nobody knows.
--
-- A hold has users and seats locked while it pauses, and who has the seat locked
-- may be waiting for one of them. That is why it tries again and again and never
-- waits for the lock itself: it ends by the clock, so nobody waits in a circle
-- for longer than that.
CREATE OR REPLACE FUNCTION reservation.pause_for_seat(p_now timestamptz)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	IF clock_timestamp() > p_now + interval '500 milliseconds' THEN
		RAISE EXCEPTION 'a seat whose hold has run out stays locked' USING ERRCODE = 'serialization_failure';
	END IF;
	PERFORM pg_sleep(0.002);
END
$$;
