-- platform.rfc3339(at): the time as the contract writes it, for example 2025-03-01T10:00:00.123Z: UTC, milliseconds,
-- cut and not rounded. NULL gives NULL.
CREATE OR REPLACE FUNCTION platform.rfc3339(p_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
	SELECT to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
$$;
GRANT EXECUTE ON FUNCTION platform.rfc3339(timestamptz) TO reservation_owner, payment_owner, point_owner;
