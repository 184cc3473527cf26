-- platform.card_nudged_at(looked_at): when the look-up begins that a user causes by repeating a request: now, or 1 second after
-- looked_at, the begin of the last look-up (NULL: none).
CREATE OR REPLACE FUNCTION platform.card_nudged_at(p_looked_at timestamptz) RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
	SELECT greatest(clock_timestamp(), p_looked_at + interval '1 s')
$$;
GRANT EXECUTE ON FUNCTION platform.card_nudged_at(timestamptz) TO payment_owner, point_owner;
