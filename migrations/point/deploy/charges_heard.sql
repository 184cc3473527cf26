-- At most one look-up in ten seconds because of webhooks, and at most one per second because the user asks again.

BEGIN;

SET LOCAL ROLE point_owner;

ALTER TABLE point.charges ADD COLUMN heard_at timestamptz, ADD COLUMN looked_at timestamptz;

COMMENT ON COLUMN point.charges.heard_at IS 'The last look-up that a webhook caused was due then; with nudged it has not begun yet.';
COMMENT ON COLUMN point.charges.looked_at IS 'When the last look-up began.';

COMMIT;
