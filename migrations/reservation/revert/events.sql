BEGIN;

DROP FUNCTION reservation.emit(), reservation.emit_held() CASCADE;

COMMIT;
