-- Best available, planned with statistics that make a sort look cheap: many small halls whose seats lie on the disk in
-- no order, as after a day of sales. A plan with a sort reads the whole of the next large hall. The test counts rows
-- read, not time.
BEGIN;
SELECT plan(3);
\ir include/reservation.psql

-- The settings of the services' roles.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_generic_plan;

SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
TRUNCATE reservation.concerts, reservation.schedules, reservation.sections, reservation.seats, reservation.reservations,
    reservation.reservation_seats;
SELECT count(pg_temp.new_schedule('[{"section":"Z","grade":"R","price":1000,"rows":1,"seatsPerRow":5}]')) AS small FROM generate_series(1, 200) \gset
CREATE TEMP TABLE seats_in_order AS SELECT * FROM reservation.seats;
TRUNCATE reservation.seats, reservation.reservation_seats;
INSERT INTO reservation.seats SELECT * FROM seats_in_order ORDER BY md5(seat_id::text);
ANALYZE reservation.concerts, reservation.schedules, reservation.sections, reservation.seats, reservation.reservations,
    reservation.reservation_seats;

-- Rows of tables and entries of indexes that were read so far.
CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid))::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'reservation'
$$;
-- The seats that a hold of the best gets, and the number of rows read if it is more than 600.
CREATE FUNCTION pg_temp.best(p_hall uuid, p_quantity int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_before	bigint := pg_temp.read();
	v_places	text := pg_temp.places(pg_temp.hold_best(platform.uuid_v7(), p_hall, 'R', p_quantity));
	v_read		bigint := pg_temp.read() - v_before;
BEGIN
	RETURN v_places || CASE WHEN v_read > 600 THEN format(' after %s rows', v_read) ELSE '' END;
END
$$;

SELECT pg_temp.new_schedule('[{"section":"H","grade":"R","price":1000,"rows":200,"seatsPerRow":100}]') AS hall \gset
SELECT is(pg_temp.best(:'hall', 2), 'H-A-50 H-A-51', 'first_search_in_a_large_hall_reads_few_rows');
SELECT is(pg_temp.best(:'hall', 4), 'H-A-46 H-A-47 H-A-48 H-A-49', 'next_search_reads_few_rows');
SELECT is(pg_temp.best(:'hall', 1), 'H-A-52', 'search_for_one_seat_reads_few_rows');
SELECT * FROM finish();
ROLLBACK;
