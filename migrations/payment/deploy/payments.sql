-- One row an attempt to pay. A payment with points is born APPROVED or FAILED;
-- PENDING and REFUND_PENDING are the card payments whose provider has not
-- answered for certain yet. What keeps it true:
--   * payments_one_a_reservation: of a reservation's payments at most one has
--     not failed, refunded ones included: nobody ever pays twice;
--   * refunded_amount <= amount, whatever the code does;
--   * each status has exactly the times and codes that belong to it.

BEGIN;

SET LOCAL ROLE payment_owner;

CREATE TABLE payment.payments (
	payment_id	uuid PRIMARY KEY,
	reservation_id	uuid NOT NULL,
	user_id		uuid NOT NULL,
	method		text NOT NULL CHECK (method IN ('POINT', 'CARD')),
	amount		bigint NOT NULL CHECK (amount > 0),
	status		text NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'FAILED', 'REFUND_PENDING', 'REFUNDED')),
	failure_code	text,
	approved_at	timestamptz,
	refunded_at	timestamptz,
	refunded_amount	bigint NOT NULL DEFAULT 0,
	created_at	timestamptz NOT NULL,
	CONSTRAINT payments_refund_within_amount CHECK (refunded_amount BETWEEN 0 AND amount),
	CONSTRAINT payments_points_are_instant
		CHECK (method = 'CARD' OR status NOT IN ('PENDING', 'REFUND_PENDING')),
	CONSTRAINT payments_failed_says_why CHECK ((failure_code IS NOT NULL) = (status = 'FAILED')),
	CONSTRAINT payments_approved_says_when
		CHECK ((approved_at IS NOT NULL) = (status IN ('APPROVED', 'REFUND_PENDING', 'REFUNDED'))),
	CONSTRAINT payments_refunded_says_when CHECK ((refunded_at IS NOT NULL) = (status = 'REFUNDED')),
	CONSTRAINT payments_refunded_has_amount CHECK ((refunded_amount > 0) = (status = 'REFUNDED'))
) WITH (fillfactor = 90);

COMMENT ON TABLE payment.payments IS 'Attempts to pay for a reservation, and what became of them.';
COMMENT ON COLUMN payment.payments.failure_code IS 'The contract''s error code of a FAILED payment.';

CREATE UNIQUE INDEX payments_one_a_reservation ON payment.payments (reservation_id) WHERE status <> 'FAILED';
-- Each row is in exactly one of these two, so a reservation's attempts are found at the price of one index.
CREATE INDEX payments_failed_of_reservation ON payment.payments (reservation_id, payment_id) WHERE status = 'FAILED';
CREATE INDEX payments_of_user ON payment.payments (user_id, payment_id);

COMMIT;
