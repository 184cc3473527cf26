-- payment.needed_ms(timeout_ms): how long a hold must still live before a confirm may be sent, in milliseconds: the
-- provider's whole timeout, and one second to write its answer down.
CREATE OR REPLACE FUNCTION payment.needed_ms(p_timeout_ms int) RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT p_timeout_ms + 1000
$$;
