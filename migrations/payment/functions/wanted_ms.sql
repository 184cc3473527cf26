-- payment.wanted_ms(timeout_ms): how long a hold is made to live for a card payment
-- if it has less: time for a confirm that is not answered, a look-up, and a
-- second confirm.
CREATE OR REPLACE FUNCTION payment.wanted_ms(p_timeout_ms int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT 3 * p_timeout_ms + 2000
$$;
