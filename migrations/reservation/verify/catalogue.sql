BEGIN;

SELECT concert_id, title, artist, venue, address FROM reservation.concerts WHERE false;
SELECT schedule_id, concert_id, start_at, end_at, status, sale_opens_at FROM reservation.schedules WHERE false;
SELECT schedule_id, section_no, section, grade, price, rows, seats_per_row FROM reservation.sections WHERE false;
SELECT seat_id, schedule_id, section_no, row_no, number, section, row_label, grade, price, status, reservation_id,
       hold_expires_at, hold_epoch, changes, changed_xid FROM reservation.seats WHERE false;

ROLLBACK;
