-- One row a queue that ever began: how far its line had come, as of a second ago,
-- and what operators have set. Places are in Redis and in the tokens, not here.

BEGIN;

SET LOCAL ROLE queue_owner;

CREATE TABLE queue.queues (
	schedule_id	uuid PRIMARY KEY,	-- no foreign key: schedules are another schema's
	epoch		bigint NOT NULL DEFAULT 0,	-- of the store that keeps it; 0: none did yet
	last_seq	bigint NOT NULL DEFAULT 0,	-- nobody has a later place
	admitted_to	bigint NOT NULL DEFAULT 0,	-- the latest place that was admitted
	ended		bigint NOT NULL DEFAULT 0,	-- up to here everybody has had a turn, and it is over
	revision	bigint NOT NULL DEFAULT 0,	-- of what is set; goes up with each change
	updated_by	text NOT NULL DEFAULT '',
	updated_at_ms	bigint NOT NULL DEFAULT 0,	-- Unix time
	mode		text CHECK (mode IN ('OPEN', 'PAUSED', 'CLOSED')),	-- NULL here and below: not set
	max_active	int CHECK (max_active >= 0),
	admit		int CHECK (admit >= 0),
	max_waiting	int CHECK (max_waiting >= 0),
	ttl		int CHECK (ttl >= 1)
);

COMMIT;
