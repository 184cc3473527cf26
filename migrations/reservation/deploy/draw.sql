-- Who comes before the sale opens: in order of arrival, or drawn. The seed is
-- made with the schedule; its hash is shown at once and itself from the opening on.

BEGIN;

SET LOCAL ROLE reservation_owner;

ALTER TABLE reservation.schedules
	ADD COLUMN pre_queue text NOT NULL DEFAULT 'ARRIVAL' CHECK (pre_queue IN ('ARRIVAL', 'DRAW')),
	ADD COLUMN draw_seed bytea CHECK (length(draw_seed) = 32),
	ADD CONSTRAINT draw_has_a_seed CHECK ((pre_queue = 'DRAW') = (draw_seed IS NOT NULL)),
	ADD CONSTRAINT draw_has_an_opening CHECK (pre_queue <> 'DRAW' OR sale_opens_at IS NOT NULL);

COMMIT;
