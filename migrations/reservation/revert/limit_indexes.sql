BEGIN;

DROP INDEX reservation.reservations_owned;
CREATE INDEX reservations_owned ON reservation.reservations (schedule_id, user_id)
	WHERE (status IN ('HOLD', 'CONFIRMED')) IS TRUE;
DROP INDEX reservation.reservations_unpaid;
CREATE INDEX reservations_unpaid ON reservation.reservations (schedule_id, user_id, (coalesce(cancelled_at, hold_expires_at)))
	WHERE (status = 'EXPIRED' OR status = 'CANCELLED' AND payment_id IS NULL) IS TRUE;
DROP INDEX reservation.reservations_by_user_status;
CREATE INDEX reservations_by_user_status ON reservation.reservations (user_id, status, reservation_id DESC);

COMMIT;
