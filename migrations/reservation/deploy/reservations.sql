-- Reservations, and which seats each claims.

BEGIN;

SET LOCAL ROLE reservation_owner;

-- No foreign key to schedules: each hold would have to share a lock on the one
-- schedule row that everybody holds seats of. The seats are keyed to it, and
-- nothing deletes a schedule.
CREATE TABLE reservation.reservations (
	reservation_id	uuid PRIMARY KEY,
	user_id		uuid NOT NULL,
	schedule_id	uuid NOT NULL,
	queue_seq	bigint NOT NULL,	-- the place in the queue it was made with
	status		text NOT NULL DEFAULT 'HOLD',
	total_amount	bigint NOT NULL,
	hold_ttl_seconds int NOT NULL,
	hold_expires_at	timestamptz NOT NULL,	-- a HOLD is EXPIRED from then on, swept or not
	failed_payments	int NOT NULL DEFAULT 0,
	payment_id	uuid,			-- that confirmed it
	created_at	timestamptz NOT NULL,
	confirmed_at	timestamptz,
	cancelled_at	timestamptz,
	expired_at	timestamptz,

	-- A queue token is good for one hold, because of this.
	CONSTRAINT queue_token_used_once UNIQUE (schedule_id, user_id, queue_seq),
	CONSTRAINT reservation_state CHECK (total_amount > 0 AND hold_ttl_seconds > 0
	    AND status IN ('HOLD', 'CONFIRMED', 'CANCELLED', 'EXPIRED')
	    AND (payment_id IS NULL) = (confirmed_at IS NULL)
	    AND (status <> 'CONFIRMED' OR confirmed_at IS NOT NULL)
	    AND (confirmed_at IS NULL OR status IN ('CONFIRMED', 'CANCELLED'))
	    AND (cancelled_at IS NOT NULL) = (status = 'CANCELLED')
	    AND (expired_at IS NOT NULL) = (status = 'EXPIRED'))
) WITH (fillfactor = 70);
CREATE INDEX reservations_by_user ON reservation.reservations (user_id, reservation_id DESC);
CREATE INDEX reservations_held ON reservation.reservations (hold_expires_at) WHERE status = 'HOLD';

-- A reservation's claim on a seat. It is live until the reservation is
-- cancelled or has expired; who lets go of a claim has the seat's row locked.
CREATE TABLE reservation.reservation_seats (
	reservation_id	uuid NOT NULL REFERENCES reservation.reservations,
	seat_id		uuid NOT NULL REFERENCES reservation.seats,
	schedule_id	uuid NOT NULL,
	hold_epoch	bigint NOT NULL,	-- the seat's, by this hold
	live		boolean NOT NULL DEFAULT true,
	PRIMARY KEY (reservation_id, seat_id)
) WITH (fillfactor = 70);

-- A seat is sold once: the second of three guards. The first is the conditional
-- UPDATE of the seat, the third is to look (reservation.invariants).
CREATE UNIQUE INDEX one_live_claim_a_seat ON reservation.reservation_seats (schedule_id, seat_id) WHERE live;

COMMIT;
