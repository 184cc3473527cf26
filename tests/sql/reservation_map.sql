-- The seat map: its form, its ETag, and the changes since a version. (reservation_connections tests that no change
-- between transactions is missed.)
BEGIN;
SELECT plan(32);
-- A version is the oldest open transaction, also of another database: from here on, it is this one.
DO $$ BEGIN
	WHILE pg_snapshot_xmin(pg_current_snapshot()) < pg_current_xact_id() AND clock_timestamp() < now() + interval '1 minute' LOOP
		PERFORM pg_sleep(0.01);
	END LOOP;
END $$;
\ir include/reservation.psql
CREATE FUNCTION pg_temp.tag(p_schedule uuid) RETURNS text LANGUAGE sql AS $$ SELECT (reservation.seat_map(p_schedule, NULL)).etag $$;
CREATE FUNCTION pg_temp.shown(p_schedule uuid) RETURNS TABLE (seat_id uuid, status text) LANGUAGE sql AS $$
	SELECT (t ->> 'seatId')::uuid, t ->> 'status' FROM json_array_elements((reservation.seat_map(p_schedule, NULL)).body::json -> 'sections') s,
	    json_array_elements(s -> 'rows') r, json_array_elements(r -> 'seats') t $$;

SELECT pg_temp.new_schedule('[{"section":"\"1\" 층\\","grade":"R","price":100000,"rows":2,"seatsPerRow":2},
    {"section":"A","grade":"S","price":50000,"rows":1,"seatsPerRow":1}]', '2031-05-10 19:00:00+09') AS small \gset
SELECT reservation.seat_map(:'small', NULL) AS reply \gset m_
SELECT concert_id AS concert FROM reservation.schedules WHERE schedule_id = :'small' \gset
SELECT is((:'m_reply'::platform.reply).outcome, 'OK', 'map_is_OK');
SELECT is((:'m_reply'::platform.reply).body, format('{"scheduleId":"%s","concertId":"%s","startAt":"2031-05-10T10:00:00.000Z","version":%s,"sections":['
    || '{"section":"\"1\" 층\\","grade":"R","price":100000,"rows":['
    || '{"row":"A","seats":[{"seatId":"%s","number":1,"status":"AVAILABLE"},{"seatId":"%s","number":2,"status":"AVAILABLE"}]},'
    || '{"row":"B","seats":[{"seatId":"%s","number":1,"status":"AVAILABLE"},{"seatId":"%s","number":2,"status":"AVAILABLE"}]}]},'
    || '{"section":"A","grade":"S","price":50000,"rows":[{"row":"A","seats":[{"seatId":"%s","number":1,"status":"AVAILABLE"}]}]}]}',
    :'small', :'concert', pg_snapshot_xmin(pg_current_snapshot()), s[1], s[2], s[3], s[4], s[5]), 'map_is_exactly_the_object_of_the_contract')
FROM (SELECT array_agg(seat_id ORDER BY section_no, row_no, number) AS s FROM reservation.seats WHERE schedule_id = :'small') x;
SELECT is((reservation.seat_map(:'nobody', NULL)).outcome, 'SCHEDULE_NOT_FOUND', 'unknown_schedule_is_not_found');
SELECT is((reservation.seat_map(:'nobody', '*')).outcome, 'SCHEDULE_NOT_FOUND', 'unknown_schedule_with_any_tag_is_not_found');
SELECT is((reservation.seat_changes(:'nobody', 0)).outcome, 'SCHEDULE_NOT_FOUND', 'changes_of_an_unknown_schedule_are_not_found');

-- The tag.
SELECT (:'m_reply'::platform.reply).etag AS tag \gset
SELECT matches(:'tag'::text, '^W/"[!#-~]+"$', 'map_has_a_weak_tag');
SELECT is(pg_temp.tag(:'small'), :'tag'::text, 'unchanged_map_has_the_same_tag');
SELECT is(reservation.seat_map(:'small', :'tag'), ROW('NOT_MODIFIED', NULL, :'tag', false, NULL)::platform.reply, 'current_tag_is_NOT_MODIFIED');
SELECT is((reservation.seat_map(:'small', h)).outcome, 'NOT_MODIFIED', 'current_tag_is_NOT_MODIFIED_in_' || h)
FROM unnest(ARRAY[substr(:'tag', 3), '*', format('"x", %s, W/"y"', :'tag')]) h;
SELECT is((reservation.seat_map(:'small', h)).outcome, 'OK', 'other_tag_is_OK_in_' || h) FROM unnest(ARRAY['', '"', 'W/"x"', replace(:'tag', 'W/"', 'W/"1')]) h;

CREATE TEMP TABLE tags (n int GENERATED ALWAYS AS IDENTITY, tag text);
INSERT INTO tags (tag) VALUES (:'tag');
SELECT pg_temp.id(pg_temp.hold(:'ann', :'small', pg_temp.seats(:'small', 'A-A-1'))) AS a \gset
INSERT INTO tags (tag) SELECT pg_temp.tag(:'small');
SELECT is(status, 'HOLD', 'held_seat_is_HOLD_on_the_map') FROM pg_temp.shown(:'small') WHERE seat_id = pg_temp.seat(:'small', 'A-A-1');
-- The tags before and after the end of a hold, with no write between them.
CREATE FUNCTION pg_temp.tag_before_its_end(p_reservation uuid, p_schedule uuid) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
	v_tag	text;
BEGIN
	LOOP
		PERFORM pg_temp.ends_in(p_reservation, '100 milliseconds');
		v_tag := pg_temp.tag(p_schedule);
		EXIT WHEN clock_timestamp() < (SELECT hold_expires_at FROM reservation.reservations WHERE reservation_id = p_reservation);
	END LOOP;
	RETURN v_tag;
END $$;
INSERT INTO tags (tag) SELECT pg_temp.tag_before_its_end(:'a', :'small');
SELECT pg_sleep_until(hold_expires_at) FROM reservation.reservations WHERE reservation_id = :'a';
INSERT INTO tags (tag) SELECT pg_temp.tag(:'small');
SELECT is(status, 'AVAILABLE', 'run_out_seat_is_AVAILABLE_on_the_map') FROM pg_temp.shown(:'small') WHERE seat_id = pg_temp.seat(:'small', 'A-A-1');
SELECT is((reservation.seat_map(:'small', tag)).outcome, 'OK', 'run_out_hold_changes_the_tag_without_a_write') FROM tags WHERE n = 3;
SELECT is((reservation.sweep(10)).body, '{"expired":1}', 'sweeper_expires_the_hold');
INSERT INTO tags (tag) SELECT pg_temp.tag(:'small');
SELECT is((pg_temp.hold(:'bob', :'small', pg_temp.seats(:'small', 'A-A-1'))).outcome, 'CREATED', 'seat_is_held_again');
INSERT INTO tags (tag) SELECT pg_temp.tag(:'small');
SELECT is(count(DISTINCT tag), 6::bigint, 'six_states_have_six_tags') FROM tags;
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'CREATED', 'hold_in_another_schedule_is_CREATED');
SELECT is(pg_temp.tag(:'small'), tag, 'hold_in_another_schedule_keeps_the_tag') FROM tags WHERE n = 6;

-- Since.
CREATE FUNCTION pg_temp.changed(p_schedule uuid, p_since bigint) RETURNS TABLE (seat_id uuid, status text) LANGUAGE sql AS $$
	SELECT (c ->> 'seatId')::uuid, c ->> 'status' FROM json_array_elements((reservation.seat_changes(p_schedule, p_since)).body::json -> 'changed') c $$;
SELECT matches((reservation.seat_changes(:'small', 0)).body, '^{"version":\d+,"changed":\[({"seatId":"[0-9a-f-]{36}","status":"(AVAILABLE|HOLD)"},?){5}\]}$',
    'changes_since_0_are_all_seats');
SELECT is((reservation.seat_changes(:'small', 0)).body::json ->> 'version', (:'m_reply'::platform.reply).body::json ->> 'version',
    'version_of_the_changes_is_that_of_the_map');
SELECT set_eq(format('SELECT seat_id, status FROM pg_temp.changed(%L, %s)', :'small', (:'m_reply'::platform.reply).body::json ->> 'version'),
    format('SELECT * FROM pg_temp.shown(%L)', :'small'), 'changes_since_the_version_have_the_open_transaction');
SELECT set_eq(format('SELECT seat_id, status FROM pg_temp.changed(%L, 9223372036854775807)', :'small'), format('SELECT * FROM pg_temp.shown(%L)', :'small'),
    'version_from_the_future_gives_all_seats');
-- The transaction ids of these rows make them look as if written long ago.
ALTER TABLE reservation.seats DISABLE TRIGGER seat_change_is_counted;
UPDATE reservation.seats SET changed_xid = '3' WHERE schedule_id = :'small';
SELECT is((reservation.seat_changes(:'small', 4)).body::json ->> 'changed', '[]', 'version_of_now_has_no_changes');
SELECT is(count(*), 5::bigint, 'version_itself_is_part_of_the_changes') FROM pg_temp.changed(:'small', 3);
UPDATE reservation.seats SET hold_expires_at = clock_timestamp() - interval '1 second' WHERE schedule_id = :'small' AND status = 'HOLD';
SELECT results_eq(format('SELECT * FROM pg_temp.changed(%L, 4)', :'small'), format('VALUES (%L::uuid, ''AVAILABLE'')', pg_temp.seat(:'small', 'A-A-1')),
    'run_out_hold_is_a_change_without_a_write');
SELECT is(count(*), 5::bigint, 'run_out_hold_is_a_change_only_once') FROM pg_temp.changed(:'small', 3);

-- Ten thousand seats.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":100,"seatsPerRow":100}]') AS big \gset
SELECT is(count(DISTINCT seat_id), 10000::bigint, 'map_of_ten_thousand_seats_has_them_all') FROM pg_temp.shown(:'big');

SELECT * FROM finish();
ROLLBACK;
