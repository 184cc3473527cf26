BEGIN;

CREATE INDEX reservations_by_user ON reservation.reservations (user_id, reservation_id DESC);
DROP INDEX reservation.reservations_by_user_status;
DROP INDEX reservation.reservations_unpaid;
DROP INDEX reservation.reservations_owned;

COMMIT;
