BEGIN;

SELECT max_per_user, sale_closes_at FROM reservation.schedules WHERE false;

ROLLBACK;
