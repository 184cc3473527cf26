-- The first answer to each request that carried an idempotency key.

BEGIN;

SET LOCAL ROLE platform_owner;

CREATE TABLE platform.idempotency (
	user_id		uuid NOT NULL,
	operation	text NOT NULL,		-- 'reservations.hold', 'payments.pay', 'points.charge'
	key		text NOT NULL,
	request_hash	text NOT NULL,		-- SHA-256 of the request in canonical form
	outcome		text NOT NULL,
	body		text,
	request_id	text,			-- replays carry the first request's id in their body
	created_at	timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (user_id, operation, key),
	CHECK (length(key) BETWEEN 1 AND 255)
);

COMMIT;
