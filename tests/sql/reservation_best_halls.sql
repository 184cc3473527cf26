-- Best available in a large hall. The rows that a search reads depend neither on the hall's size nor on how much of it
-- is sold. Seats given back at the front are found again. The test counts rows read, not time.
BEGIN;
SELECT plan(12);
\ir include/reservation.psql

-- The settings of the services' roles.
SET LOCAL enable_seqscan = off;
SET LOCAL jit = off;
SET LOCAL plan_cache_mode = force_generic_plan;

-- The plans are made with old statistics: a few small halls, mostly sold.
SELECT count(pg_temp.new_schedule('[{"section":"Z","grade":"R","price":1000,"rows":1,"seatsPerRow":5}]')) AS small FROM generate_series(1, 100) \gset
UPDATE reservation.seats SET status = 'SOLD_OUT', reservation_id = schedule_id, hold_expires_at = NULL WHERE number < 5;
ANALYZE reservation.seats, reservation.sections, reservation.schedules, reservation.reservations, reservation.reservation_seats;

-- Entries of indexes and rows of tables that were read so far.
CREATE FUNCTION pg_temp.read() RETURNS bigint LANGUAGE sql AS $$
	SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) + pg_stat_get_xact_tuples_fetched(c.oid))::bigint
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'reservation'
$$;
-- The seats that a hold of the best gets, and the number of rows read if it is more than p_most.
CREATE FUNCTION pg_temp.best(p_hall uuid, p_quantity int, p_most int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	v_before	bigint := pg_temp.read();
	v_places	text := pg_temp.places(pg_temp.hold_best(platform.uuid_v7(), p_hall, 'R', p_quantity));
	v_read		bigint := pg_temp.read() - v_before;
BEGIN
	RETURN v_places || CASE WHEN v_read > p_most THEN format(' after %s rows', v_read) ELSE '' END;
END
$$;
-- Marks all seats sold except those of the condition, as if other users had bought them.
CREATE FUNCTION pg_temp.sell(p_hall uuid, p_but text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE format('UPDATE reservation.seats SET status = ''SOLD_OUT'', reservation_id = schedule_id, changes = changes + 1,
	    changed_xid = pg_current_xact_id() WHERE schedule_id = %L AND status = ''AVAILABLE'' AND NOT (%s)', p_hall, p_but);
END
$$;

-- Rows of 2,000 seats: a search reads a part around the middle, not the whole row.
SELECT pg_temp.new_schedule('[{"section":"W","grade":"R","price":1000,"rows":4,"seatsPerRow":2000}]') AS wide \gset
SELECT is(pg_temp.best(:'wide', 4, 600), 'W-A-999 W-A-1000 W-A-1001 W-A-1002', 'first_seats_of_a_wide_row_are_its_middle');
SELECT is(pg_temp.best(:'wide', 1, 600), 'W-A-998', 'next_seat_of_a_wide_row_is_beside_the_taken');
-- If the seats near the middle are no pair, the search reads the whole row.
SELECT pg_temp.sell(:'wide', 'row_no > 1 OR number % 2 = 0 AND number BETWEEN 800 AND 1200 OR number IN (301, 302, 1750, 1751, 1752, 1760)');
SELECT is(pg_temp.best(:'wide', 2, 9000), 'W-A-301 W-A-302', 'pair_behind_eighty_single_seats_is_found');
SELECT is(pg_temp.best(:'wide', 3, 9000), 'W-A-1750 W-A-1751 W-A-1752', 'three_behind_single_seats_are_found');

-- 20,000 seats, of which the first 180 rows have only single seats left.
SELECT pg_temp.new_schedule('[{"section":"H","grade":"R","price":1000,"rows":200,"seatsPerRow":100}]') AS hall \gset
SELECT pg_temp.sell(:'hall', 'row_no > 180 OR number % 10 = 0');
SELECT pg_temp.best(:'hall', 2, 100000) AS first \gset
SELECT is(:'first'::text, 'H-FY-50 H-FY-51', 'first_search_walks_past_sold_seats');
SELECT is(pg_temp.best(:'hall', 2, 700), 'H-FY-48 H-FY-49', 'next_search_begins_where_the_last_one_ended');
SELECT is(pg_temp.best(:'hall', 4, 700), 'H-FY-52 H-FY-53 H-FY-54 H-FY-55', 'search_for_more_seats_begins_where_the_last_one_ended');
SELECT is(pg_temp.best(:'hall', 1, 700), 'H-A-50', 'search_for_fewer_begins_further_in_front');

-- Two seats of the front row are given back, by another user's cancel.

UPDATE reservation.seats SET status = 'AVAILABLE', reservation_id = NULL, changes = changes + 1, changed_xid = pg_current_xact_id()
WHERE schedule_id = :'hall' AND row_no = 7 AND number IN (31, 32);
SELECT is(pg_temp.best(:'hall', 2, 1500), 'H-G-31 H-G-32', 'seats_given_back_in_front_are_found');
SELECT is(pg_temp.best(:'hall', 2, 100000), 'H-FY-46 H-FY-47', 'search_after_seats_given_back_goes_on_behind');

-- All seats are sold: the first refusals walk past them, later ones do not.
SELECT pg_temp.sell(:'hall', 'false');
SELECT pg_temp.best(:'hall', 1, 1000000), pg_temp.best(:'hall', 2, 1000000) \g /dev/null
SELECT is(pg_temp.best(:'hall', 2, 300), 'SEAT_NOT_AVAILABLE', 'refusal_after_the_sale_does_not_walk_past_sold_seats');
SELECT is(pg_temp.best(:'hall', 1, 300), 'SEAT_NOT_AVAILABLE', 'refusal_of_a_single_seat_does_not_walk_past_sold_seats');
SELECT * FROM finish();
ROLLBACK;
