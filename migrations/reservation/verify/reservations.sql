BEGIN;

SELECT reservation_id, user_id, schedule_id, queue_seq, status, total_amount, hold_ttl_seconds, hold_expires_at,
       failed_payments, payment_id, created_at, confirmed_at, cancelled_at, expired_at
FROM reservation.reservations WHERE false;
SELECT reservation_id, seat_id, schedule_id, hold_epoch, live FROM reservation.reservation_seats WHERE false;
SELECT 1 / count(*) FROM pg_index WHERE indexrelid = 'reservation.one_live_claim_a_seat'::regclass AND indisunique;

ROLLBACK;
