-- payment.wanted_ms(timeout_ms): how long a hold should live for a card payment, in milliseconds; a shorter one is
-- extended. It is the time for a confirm without an answer, a look-up, and a second confirm.
CREATE OR REPLACE FUNCTION payment.wanted_ms(p_timeout_ms int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT 3 * p_timeout_ms + 2000
$$;
