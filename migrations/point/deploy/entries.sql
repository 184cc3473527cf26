-- The ledger. An entry is inserted and never touched again; inserting one *is*
-- moving points. What keeps it true:
--   * the primary key: one entry a wallet and version;
--   * UNIQUE (operation_id, type): one operation moves points once each way;
--   * entries_move_wallet: an entry is taken only if it continues exactly where
--     the wallet stands (version, balance, hash), and takes the wallet along.
--     So balance = sum of the ledger after every statement, by construction;
--   * wallets_follow_ledger: nothing else changes where a wallet stands;
--   * entries_append_only and revoked rights: no UPDATE, DELETE or TRUNCATE, not
--     by the owner either, and not in replica mode (ENABLE ALWAYS).
-- Whoever gets round all that (a superuser with the triggers off) breaks the
-- hash chain, which point.verify walks.

BEGIN;

SET LOCAL ROLE point_owner;

CREATE TABLE point.entries (
	user_id		uuid NOT NULL,
	version		bigint NOT NULL CHECK (version > 0),
	entry_id	uuid NOT NULL UNIQUE,
	type		text NOT NULL CHECK (type IN ('CHARGE', 'DEDUCT', 'ROLLBACK')),
	amount		bigint NOT NULL CHECK (amount > 0),
	balance_after	bigint NOT NULL CHECK (balance_after >= 0),
	operation_id	uuid NOT NULL,
	reference_id	uuid NOT NULL,
	prev_hash	bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
	hash		bytea NOT NULL CHECK (octet_length(hash) = 32),
	created_at	timestamptz NOT NULL,
	PRIMARY KEY (user_id, version),
	UNIQUE (operation_id, type)
);

COMMENT ON TABLE point.entries IS 'The append-only ledger: every movement of points.';
COMMENT ON COLUMN point.entries.operation_id IS 'What moved the points: a charge or a payment.';
COMMENT ON COLUMN point.entries.reference_id IS 'What the user is shown as the reason: the charge or the payment.';
COMMENT ON COLUMN point.entries.hash IS 'point.entry_hash over prev_hash and the other columns.';

CREATE FUNCTION point.move_wallet() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
	UPDATE point.wallets w
	   SET version = NEW.version, balance = NEW.balance_after, hash = NEW.hash, updated_at = NEW.created_at
	 WHERE w.user_id = NEW.user_id
	   AND w.version = NEW.version - 1
	   AND w.hash = NEW.prev_hash
	   AND w.balance = NEW.balance_after - CASE NEW.type WHEN 'DEDUCT' THEN -NEW.amount ELSE NEW.amount END;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'ledger entry % of wallet % does not continue it', NEW.version, NEW.user_id
			USING ERRCODE = 'integrity_constraint_violation';
	END IF;
	RETURN NULL;
END
$$;

CREATE FUNCTION point.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
	RAISE EXCEPTION '% on %.%: the ledger is append-only, and only it moves a wallet',
		TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END
$$;

REVOKE EXECUTE ON FUNCTION point.move_wallet(), point.refuse_change() FROM PUBLIC;

CREATE TRIGGER entries_move_wallet AFTER INSERT ON point.entries
	FOR EACH ROW EXECUTE FUNCTION point.move_wallet();
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON point.entries
	FOR EACH STATEMENT EXECUTE FUNCTION point.refuse_change();
-- Depth 0: not from inside entries_move_wallet.
CREATE TRIGGER wallets_follow_ledger BEFORE UPDATE OF user_id, balance, version, hash ON point.wallets
	FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION point.refuse_change();
CREATE TRIGGER wallets_start_empty BEFORE INSERT ON point.wallets
	FOR EACH ROW WHEN (NEW.version <> 0 OR NEW.hash <> decode(repeat('00', 32), 'hex')) EXECUTE FUNCTION point.refuse_change();
CREATE TRIGGER wallets_stay BEFORE DELETE OR TRUNCATE ON point.wallets
	FOR EACH STATEMENT EXECUTE FUNCTION point.refuse_change();

ALTER TABLE point.entries ENABLE ALWAYS TRIGGER entries_move_wallet;
ALTER TABLE point.entries ENABLE ALWAYS TRIGGER entries_append_only;
ALTER TABLE point.wallets ENABLE ALWAYS TRIGGER wallets_follow_ledger;
ALTER TABLE point.wallets ENABLE ALWAYS TRIGGER wallets_start_empty;
ALTER TABLE point.wallets ENABLE ALWAYS TRIGGER wallets_stay;

REVOKE UPDATE, DELETE, TRUNCATE ON point.entries FROM point_owner;
REVOKE DELETE, TRUNCATE ON point.wallets FROM point_owner;

COMMIT;
