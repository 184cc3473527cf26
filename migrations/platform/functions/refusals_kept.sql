-- platform.refusals_kept(): how many refusals that changed nothing are kept of each user, the newest ones; about a
-- hundred more between two clean-ups (platform.idempotency_end). At about 1 KB each, a user's refusals take 1.1 MB at most.
CREATE OR REPLACE FUNCTION platform.refusals_kept() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT 1000
$$;
