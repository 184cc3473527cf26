-- Charges whose money comes through the card provider. A row begins CHARGING,
-- before the provider is asked, and ends CHARGED, with its ledger entry, or
-- FAILED, with none. A charge that needs no card has no row here.
--
-- A row with a due_at is to be looked at, by any instance of the service, which
-- leases it for a while (point.due_charges): while it is CHARGING, and for some time
-- after it has FAILED without the provider's word: should it turn out captured, it is
-- voided.
--
-- What keeps it true: a payment key is one charge's and never another's, so nothing
-- that was captured is credited twice.

BEGIN;

SET LOCAL ROLE point_owner;

CREATE TABLE point.charges (
	charge_id	uuid PRIMARY KEY,
	user_id		uuid NOT NULL,
	amount		bigint NOT NULL CHECK (amount > 0),
	status		text NOT NULL CHECK (status IN ('CHARGING', 'CHARGED', 'FAILED')),
	payment_key	text NOT NULL CONSTRAINT charges_one_a_payment_key UNIQUE CHECK (length(payment_key) BETWEEN 1 AND 200),
	order_id	text NOT NULL,		-- what the provider knows it by
	provider_code	text,			-- why it was declined
	idempotency_key	text NOT NULL,		-- of the request that began it:
	request_hash	text NOT NULL,		--   its answer is kept under them
	request_id	text,			--   when it is certain
	asked_at	timestamptz NOT NULL,	-- since when what is asked now is uncertain
	tries		int NOT NULL DEFAULT 0,	-- of the resolver
	cancel_no	int NOT NULL DEFAULT 0,	-- cancels that left the money where it was
	nudged		boolean NOT NULL DEFAULT false,	-- there was news since it was leased
	due_at		timestamptz,
	leased_until	timestamptz,
	created_at	timestamptz NOT NULL,
	settled_at	timestamptz,
	CONSTRAINT charges_settled_says_when CHECK ((settled_at IS NULL) = (status = 'CHARGING')),
	CONSTRAINT charges_open_are_due CHECK (status <> 'CHARGING' OR due_at IS NOT NULL),
	CONSTRAINT charges_charged_are_done CHECK (status <> 'CHARGED' OR due_at IS NULL),
	CONSTRAINT charges_failed_says_why CHECK ((provider_code IS NULL) = (status <> 'FAILED'))
) WITH (fillfactor = 70);

COMMENT ON TABLE point.charges IS 'Charges that a card pays for, and what became of them.';

CREATE INDEX charges_due ON point.charges (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX charges_open_of_user ON point.charges (user_id) WHERE status = 'CHARGING';

COMMIT;
