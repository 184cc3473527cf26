-- platform.card_pause(tries): the pause before the next look-up of a payment or charge whose outcome is unknown. None before
-- the first; then 0.5 s, twice as long each time, 60 s at most. Each pause varies by a quarter, so that look-ups that failed
-- together do not come back together.
CREATE OR REPLACE FUNCTION platform.card_pause(p_tries int) RETURNS interval
LANGUAGE sql VOLATILE
AS $$
	SELECT CASE WHEN p_tries = 0 THEN interval '0'
	    ELSE make_interval(secs => least(60, 0.5 * 2 ^ least(p_tries - 1, 10)) * (0.75 + random() / 2)) END
$$;
GRANT EXECUTE ON FUNCTION platform.card_pause(int) TO payment_owner, point_owner;
