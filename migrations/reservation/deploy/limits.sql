-- How many seats of a schedule one user may have, and when its sale ends.
--
-- Both columns can be left out of an INSERT, as the code before this change does: the sale then ends when the
-- concert begins, and follows start_at where that is changed.

BEGIN;

SET LOCAL ROLE reservation_owner;

ALTER TABLE reservation.schedules
	ADD COLUMN max_per_user int NOT NULL DEFAULT 4 CONSTRAINT max_per_user_range CHECK (max_per_user BETWEEN 1 AND 100),
	ADD COLUMN sale_closes_at timestamptz;	-- NULL: at start_at

COMMIT;
