-- One row a user who has ever moved points. balance, version, hash and
-- updated_at repeat what the newest ledger entry says: they are what the next
-- entry is built on, and the row is the lock all movements of a user queue for.
-- Nothing writes them but the ledger's own trigger (see entries).

BEGIN;

SET LOCAL ROLE point_owner;

CREATE TABLE point.wallets (
	user_id		uuid PRIMARY KEY,
	balance		bigint NOT NULL DEFAULT 0 CHECK (balance >= 0),
	version		bigint NOT NULL DEFAULT 0 CHECK (version >= 0),
	hash		bytea NOT NULL DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(hash) = 32),
	status		text NOT NULL DEFAULT 'ACTIVE' CHECK (status IN ('ACTIVE', 'CHARGING')),
	updated_at	timestamptz NOT NULL,
	CONSTRAINT wallets_empty_before_first_entry CHECK (version > 0 OR balance = 0)
) WITH (fillfactor = 70);	-- room for updates within the page

COMMENT ON TABLE point.wallets IS 'A user''s points: where the ledger stands now.';
COMMENT ON COLUMN point.wallets.version IS 'Number of the newest ledger entry; 0: none yet.';
COMMENT ON COLUMN point.wallets.hash IS 'Hash of the newest ledger entry; 32 zero bytes: none yet.';
COMMENT ON COLUMN point.wallets.status IS 'CHARGING while a charge waits for its card provider.';

COMMIT;
