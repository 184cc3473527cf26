-- platform.refusals_kept(): how many refusals that changed nothing are stored for each user; the newest ones. Up to
-- about 100 more are there between two removals (platform.idempotency_end). At about 1 KB each, they take at most 1.1
-- MB for a user.
CREATE OR REPLACE FUNCTION platform.refusals_kept() RETURNS int
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT 1000
$$;
