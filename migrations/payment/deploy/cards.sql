-- Beside each card payment: what the provider is asked with, and when it is to be
-- asked again. The payment's status stays in payments; here is only the work.
--
-- A row with a due_at is work to be done, by any instance of the service: who
-- takes it leases it for a while (payment.due_cards). It is there while a
-- payment is PENDING or REFUND_PENDING, and for some time after one has FAILED
-- without the provider's word: should it turn out captured, it is voided.

BEGIN;

SET LOCAL ROLE payment_owner;

CREATE TABLE payment.cards (
	payment_id	uuid PRIMARY KEY REFERENCES payment.payments,
	payment_key	text NOT NULL CHECK (length(payment_key) BETWEEN 1 AND 200),
	provider_code	text,			-- why it was declined
	idempotency_key	text NOT NULL,		-- of the request that began it:
	request_hash	text NOT NULL,		--   its answer is kept under them
	request_id	text,			--   when it is certain
	asked_at	timestamptz NOT NULL,	-- since when what is asked now is uncertain
	sent_at		timestamptz NOT NULL,	-- when the last confirm was about to be sent
	tries		int NOT NULL DEFAULT 0,	-- of the resolver, for what is asked now
	cancel_no	int NOT NULL DEFAULT 0,	-- cancels that left the money where it was
	nudged		boolean NOT NULL DEFAULT false,	-- there was news since it was leased
	due_at		timestamptz,
	leased_until	timestamptz
) WITH (fillfactor = 70);

COMMENT ON TABLE payment.cards IS 'Card payments: what the provider is asked, and when again.';

-- Whom a webhook is about. A key may be tried for several payments; the provider lets one have it.
CREATE INDEX cards_by_key ON payment.cards (payment_key);
CREATE INDEX cards_due ON payment.cards (due_at) WHERE due_at IS NOT NULL;
-- Which payment a repeated key is about, while it has no answer yet.
CREATE INDEX payments_pending_of_user ON payment.payments (user_id) WHERE status = 'PENDING';

COMMIT;
