BEGIN;

SELECT pre_queue, draw_seed FROM reservation.schedules WHERE false;

ROLLBACK;
