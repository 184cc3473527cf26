-- Concerts, their schedules, and every seat of a schedule.

BEGIN;

SET LOCAL ROLE reservation_owner;

CREATE TABLE reservation.concerts (
	concert_id	uuid PRIMARY KEY,
	title		text NOT NULL,
	artist		text NOT NULL,
	venue		text NOT NULL,
	address		text NOT NULL,
	created_at	timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE reservation.schedules (
	schedule_id	uuid PRIMARY KEY,
	concert_id	uuid NOT NULL REFERENCES reservation.concerts,
	start_at	timestamptz NOT NULL,
	end_at		timestamptz NOT NULL,
	status		text NOT NULL CHECK (status IN ('ON_SALE', 'CLOSED')),
	sale_opens_at	timestamptz,		-- NULL: from the beginning
	created_at	timestamptz NOT NULL DEFAULT now(),
	CHECK (end_at > start_at)
);
CREATE INDEX schedules_by_concert ON reservation.schedules (concert_id, start_at, schedule_id);

CREATE TABLE reservation.sections (
	schedule_id	uuid NOT NULL REFERENCES reservation.schedules,
	section_no	int NOT NULL,		-- in the order they were given
	section		text NOT NULL CHECK (length(section) BETWEEN 1 AND 50),
	grade		text NOT NULL CHECK (grade IN ('VIP', 'R', 'S')),
	price		bigint NOT NULL CHECK (price > 0),
	rows		int NOT NULL CHECK (rows > 0),
	seats_per_row	int NOT NULL CHECK (seats_per_row > 0),
	PRIMARY KEY (schedule_id, section_no),
	UNIQUE (schedule_id, section)
);

-- A seat of a schedule. What it is (the first half) never changes; section,
-- grade and price are its section's and stand here again, so that nothing that is
-- done often joins.
-- Half-filled pages: the new version of a row finds room beside the old one.
-- No foreign key to schedules: it costs a third of the time that 100,000 seats
-- take, seats are made only together with their schedule, and nothing deletes one.
CREATE TABLE reservation.seats (
	seat_id		uuid PRIMARY KEY,
	schedule_id	uuid NOT NULL,
	section_no	int NOT NULL,
	row_no		int NOT NULL,		-- 1 is the front row
	number		int NOT NULL,
	section		text NOT NULL,
	row_label	text NOT NULL,		-- A, B, ... Z, AA, ...
	grade		text NOT NULL,
	price		bigint NOT NULL,

	status		text NOT NULL DEFAULT 'AVAILABLE',
	reservation_id	uuid,			-- whose it is; no foreign key: reservation_seats has it
	hold_expires_at	timestamptz,		-- of a HOLD: from then on it is as good as AVAILABLE
	hold_epoch	bigint NOT NULL DEFAULT 0,	-- goes up with each hold; who acts on a hold names the one he means
	changes		bigint NOT NULL DEFAULT 0,	-- goes up with each change; their sum is the map's ETag
	changed_xid	xid8 NOT NULL DEFAULT pg_current_xact_id(),	-- of the last change; what ?since= goes by

	UNIQUE (schedule_id, section_no, row_no, number),
	-- Short on purpose: PostgreSQL reads it anew for each UPDATE.
	CONSTRAINT seat_state CHECK (status IN ('AVAILABLE', 'HOLD', 'SOLD_OUT')
	    AND (status = 'AVAILABLE') = (reservation_id IS NULL) AND (status = 'HOLD') = (hold_expires_at IS NOT NULL))
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- Best available walks the front rows first; counts by grade read only this.
CREATE INDEX seats_available ON reservation.seats (schedule_id, grade, row_no, section_no, number) WHERE status = 'AVAILABLE';
-- Holds that have run out and that nothing has swept yet.
CREATE INDEX seats_held ON reservation.seats (schedule_id, hold_expires_at) WHERE status = 'HOLD';
-- What has changed since.
CREATE INDEX seats_changed ON reservation.seats (schedule_id, changed_xid);

-- No change of a seat may be missed by a reader of the map: an UPDATE that does
-- not count itself is counted here.
CREATE FUNCTION reservation.count_seat_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	NEW.changes := OLD.changes + 1;
	NEW.changed_xid := pg_current_xact_id();
	RETURN NEW;
END
$$;
CREATE TRIGGER seat_change_is_counted BEFORE UPDATE ON reservation.seats
FOR EACH ROW WHEN (NEW.changes <> OLD.changes + 1 OR NEW.changed_xid <> pg_current_xact_id())
EXECUTE FUNCTION reservation.count_seat_change();

COMMIT;
