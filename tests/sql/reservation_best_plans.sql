-- Best available and holds in a large hall, with plans made while the table had five seats. A service's connections
-- plan each statement once and keep the plan; a new hall does not make them plan again. The rows that a call reads stay
-- bounded. The test counts rows read, not time.
BEGIN;
SELECT plan(13);
\ir include/reservation.psql

-- The settings of the services' roles.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_generic_plan;

-- All tables and their statistics are as small as in the first hour of a new system.
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
TRUNCATE reservation.concerts, reservation.schedules, reservation.sections, reservation.seats, reservation.reservations,
    reservation.reservation_seats;
SELECT pg_temp.new_schedule('[{"section":"S","grade":"R","price":1000,"rows":1,"seatsPerRow":5}]') AS small \gset
ANALYZE reservation.concerts, reservation.schedules, reservation.sections, reservation.seats, reservation.reservations,
    reservation.reservation_seats;

-- Rows of tables and entries of indexes that were read so far.
CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid))::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'reservation'
$$;
-- The answer of a statement, and the number of rows read if it is more than p_most.
CREATE FUNCTION pg_temp.says(p_statement text, p_most int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_before	bigint := pg_temp.read();
	v_said		text;
	v_read		bigint;
BEGIN
	EXECUTE p_statement INTO v_said;
	v_read := pg_temp.read() - v_before;
	RETURN v_said || CASE WHEN v_read > p_most THEN format(' after %s rows', v_read) ELSE '' END;
END
$$;
CREATE FUNCTION pg_temp.best(p_hall uuid, p_quantity int, p_most int) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.says(format('SELECT pg_temp.places(pg_temp.hold_best(platform.uuid_v7(), %L, %L, %s))', p_hall, 'R', p_quantity), p_most)
$$;
-- A batch of two holds of one seat each.
CREATE FUNCTION pg_temp.batch(p_hall uuid, p_seats uuid[], p_most int) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.says(format($q$SELECT string_agg(outcome, ' ' ORDER BY n) FROM reservation.hold_many(ARRAY[platform.uuid_v7()::text, platform.uuid_v7()::text],
	    ARRAY[%1$L, %1$L], ARRAY['{%2$s}', '{%3$s}'], '{NULL,NULL}', '{NULL,NULL}', '{1,1}', '{300,300}', '{NULL,NULL}', '{NULL,NULL}', '{NULL,NULL}', '{r,r}', '{0,0}')$q$,
	    p_hall, p_seats[1], p_seats[2]), p_most)
$$;

-- All statements are planned here: searches that find seats in a row, apart, and none; a refused hold; a batch.
SELECT is(pg_temp.batch(:'small', pg_temp.seats(:'small', 'S-A-3', 'S-A-3'), 300), 'CREATED SEAT_NOT_AVAILABLE', 'batch_in_a_small_table_is_planned');
SELECT is(pg_temp.best(:'small', 2, 300), 'S-A-1 S-A-2', 'search_in_a_small_table_is_planned');
SELECT is(pg_temp.id(pg_temp.hold(:'ann', :'small', pg_temp.seats(:'small', 'S-A-5'))) IS NOT NULL, true, 'hold_in_a_small_table_is_planned');
SELECT is(pg_temp.best(:'small', 1, 300) || ' ' || pg_temp.best(:'small', 2, 300), 'S-A-4 SEAT_NOT_AVAILABLE', 'refusal_in_a_small_table_is_planned');

-- The large hall comes, without new statistics.
SELECT pg_temp.new_schedule('[{"section":"H","grade":"R","price":1000,"rows":200,"seatsPerRow":100}]') AS hall \gset
SELECT is(pg_temp.best(:'hall', 2, 600), 'H-A-50 H-A-51', 'first_search_in_a_large_hall_reads_few_rows');
SELECT is(pg_temp.best(:'hall', 4, 600), 'H-A-46 H-A-47 H-A-48 H-A-49', 'next_search_reads_few_rows');
SELECT is(pg_temp.best(:'hall', 1, 600), 'H-A-52', 'search_for_one_reads_few_rows');
SELECT is(pg_temp.says(format('SELECT (pg_temp.hold(%L, %L, ARRAY[%L::uuid])).outcome', :'bob', :'hall', pg_temp.seat(:'hall', 'H-B-7')), 300), 'CREATED', 'hold_of_a_chosen_seat_reads_few_rows');
SELECT is(pg_temp.batch(:'hall', pg_temp.seats(:'hall', 'H-B-8', 'H-B-9'), 300), 'CREATED CREATED', 'batch_of_holds_reads_few_rows');

-- All rows in front have only single seats. The first search walks past them, the next ones do not.
UPDATE reservation.seats SET status = 'SOLD_OUT', reservation_id = schedule_id, hold_expires_at = NULL, changes = changes + 1, changed_xid = pg_current_xact_id()
WHERE schedule_id = :'hall' AND row_no <= 190 AND number % 10 <> 0;
SELECT pg_temp.best(:'hall', 2, 100000) AS first \gset
SELECT is(pg_temp.best(:'hall', 2, 700), 'H-GI-48 H-GI-49', 'search_in_a_sold_hall_begins_where_the_last_one_ended');
SELECT is(pg_temp.best(:'hall', 1, 700), 'H-A-60', 'search_for_one_seat_of_a_sold_row_reads_few_rows');

-- All seats are sold.
UPDATE reservation.seats SET status = 'SOLD_OUT', reservation_id = schedule_id, hold_expires_at = NULL, changes = changes + 1, changed_xid = pg_current_xact_id()
WHERE schedule_id = :'hall' AND status <> 'SOLD_OUT';
SELECT pg_temp.best(:'hall', 1, 1000000), pg_temp.best(:'hall', 2, 1000000) \g /dev/null
SELECT is(pg_temp.best(:'hall', 2, 300), 'SEAT_NOT_AVAILABLE', 'refusal_after_the_sale_reads_few_rows');
SELECT is(pg_temp.batch(:'hall', pg_temp.seats(:'hall', 'H-B-8', 'H-B-9'), 300), 'SEAT_NOT_AVAILABLE SEAT_NOT_AVAILABLE', 'batch_of_refused_holds_reads_few_rows');
SELECT * FROM finish();
ROLLBACK;
