BEGIN;

DROP INDEX point.charges_due;
CREATE INDEX charges_due ON point.charges (due_at) WHERE due_at IS NOT NULL;
DROP INDEX point.charges_open_of_user;
CREATE INDEX charges_open_of_user ON point.charges (user_id) WHERE status = 'CHARGING';

COMMIT;
