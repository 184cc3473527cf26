-- platform.card_lease(now, timeout_ms): the end of the lease of a worker that sends a confirm now: the time limit of the call
-- (timeout_ms, milliseconds) and 5 seconds more. Then the resolver may take it.
CREATE OR REPLACE FUNCTION platform.card_lease(p_now timestamptz, p_timeout_ms int) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT p_now + make_interval(secs => p_timeout_ms / 1000.0 + 5)
$$;
GRANT EXECUTE ON FUNCTION platform.card_lease(timestamptz, int) TO payment_owner, point_owner;
