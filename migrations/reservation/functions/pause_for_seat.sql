-- reservation.pause_for_seat(now): pauses for 2 ms before the next try to lock a seat whose hold has run out. If 0.5 s
-- have passed since `now`, it raises serialization_failure instead: all is rolled back, and the caller tries again or
-- answers 503. It never answers that the seat is taken, because that is not known.
--
-- The caller has locked users and seats, and the transaction that has the seat may wait for one of them. So the caller
-- tries again and again and never waits for the lock itself. A deadlock cannot last longer than the 0.5 s.
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
