-- The platform schema: what every other schema stands on.

BEGIN;

CREATE SCHEMA platform AUTHORIZATION platform_owner;
GRANT USAGE ON SCHEMA platform TO
	reservation_owner, payment_owner, point_owner,
	queue_service, reservation_service, payment_service, point_service;

SET LOCAL ROLE platform_owner;

-- What every function that a service calls answers with.
CREATE TYPE platform.reply AS (
	outcome		text,		-- OK, CREATED, ACCEPTED, NO_CONTENT, NOT_MODIFIED or an error code of the contract
	body		text,		-- JSON: the answer, or an error's extra members (may be NULL)
	etag		text,		-- of the answer, where it has one
	replayed	boolean,	-- the first answer to this idempotency key, given again
	request_id	text		-- of the request that made the body
);

-- What migrations/migrate has applied: a hash over a schema's files. Equal
-- hash: nothing to do.
CREATE TABLE platform.applied (
	schema_name	text PRIMARY KEY,
	content_hash	text NOT NULL,
	applied_at	timestamptz NOT NULL DEFAULT now()
);

COMMIT;
