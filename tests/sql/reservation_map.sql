-- The seat map: its form, its ETag, and what has changed since a version. (That
-- no change is ever missed between transactions: reservation_connections.)
BEGIN;
SELECT plan(32);
-- A version is the oldest transaction that is open, also in another database: from here on, this one.
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
SELECT is((:'m_reply'::platform.reply).outcome, 'OK', 'the map is OK');
SELECT is((:'m_reply'::platform.reply).body, format('{"scheduleId":"%s","concertId":"%s","startAt":"2031-05-10T10:00:00.000Z","version":%s,"sections":['
    || '{"section":"\"1\" 층\\","grade":"R","price":100000,"rows":['
    || '{"row":"A","seats":[{"seatId":"%s","number":1,"status":"AVAILABLE"},{"seatId":"%s","number":2,"status":"AVAILABLE"}]},'
    || '{"row":"B","seats":[{"seatId":"%s","number":1,"status":"AVAILABLE"},{"seatId":"%s","number":2,"status":"AVAILABLE"}]}]},'
    || '{"section":"A","grade":"S","price":50000,"rows":[{"row":"A","seats":[{"seatId":"%s","number":1,"status":"AVAILABLE"}]}]}]}',
    :'small', :'concert', pg_snapshot_xmin(pg_current_snapshot()), s[1], s[2], s[3], s[4], s[5]), 'and exactly the contract''s object, names quoted')
FROM (SELECT array_agg(seat_id ORDER BY section_no, row_no, number) AS s FROM reservation.seats WHERE schedule_id = :'small') x;
SELECT is((reservation.seat_map(:'nobody', NULL)).outcome, 'SCHEDULE_NOT_FOUND', 'an unknown schedule');
SELECT is((reservation.seat_map(:'nobody', '*')).outcome, 'SCHEDULE_NOT_FOUND', 'also if any tag will do');
SELECT is((reservation.seat_changes(:'nobody', 0)).outcome, 'SCHEDULE_NOT_FOUND', 'also for its changes');

-- The tag.
SELECT (:'m_reply'::platform.reply).etag AS tag \gset
SELECT matches(:'tag'::text, '^W/"[!#-~]+"$', 'it has a weak tag');
SELECT is(pg_temp.tag(:'small'), :'tag'::text, 'the same as long as nothing changes');
SELECT is(reservation.seat_map(:'small', :'tag'), ROW('NOT_MODIFIED', NULL, :'tag', false, NULL)::platform.reply, 'If-None-Match with it: NOT_MODIFIED');
SELECT is((reservation.seat_map(:'small', h)).outcome, 'NOT_MODIFIED', 'also as ' || h)
FROM unnest(ARRAY[substr(:'tag', 3), '*', format('"x", %s, W/"y"', :'tag')]) h;
SELECT is((reservation.seat_map(:'small', h)).outcome, 'OK', 'but not ' || h) FROM unnest(ARRAY['', '"', 'W/"x"', replace(:'tag', 'W/"', 'W/"1')]) h;

CREATE TEMP TABLE tags (n int GENERATED ALWAYS AS IDENTITY, tag text);
INSERT INTO tags (tag) VALUES (:'tag');
SELECT pg_temp.id(pg_temp.hold(:'ann', :'small', pg_temp.seats(:'small', 'A-A-1'))) AS a \gset
INSERT INTO tags (tag) SELECT pg_temp.tag(:'small');
SELECT is(status, 'HOLD', 'a held seat is HOLD on the map') FROM pg_temp.shown(:'small') WHERE seat_id = pg_temp.seat(:'small', 'A-A-1');
-- The tag before its end, and the one after it, with nothing written between them.
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
SELECT is(status, 'AVAILABLE', 'and AVAILABLE when its time is up') FROM pg_temp.shown(:'small') WHERE seat_id = pg_temp.seat(:'small', 'A-A-1');
SELECT is((reservation.seat_map(:'small', tag)).outcome, 'OK', 'which is a new map, though nothing was written') FROM tags WHERE n = 3;
SELECT is((reservation.sweep(10)).body, '{"expired":1}', 'then it is swept');
INSERT INTO tags (tag) SELECT pg_temp.tag(:'small');
SELECT is((pg_temp.hold(:'bob', :'small', pg_temp.seats(:'small', 'A-A-1'))).outcome, 'CREATED', 'and held again');
INSERT INTO tags (tag) SELECT pg_temp.tag(:'small');
SELECT is(count(DISTINCT tag), 6::bigint, 'six states, six tags') FROM tags;
SELECT is((pg_temp.hold(:'bob', :'schedule', pg_temp.seats(:'schedule', 'V-A-1'))).outcome, 'CREATED', 'a hold of another schedule');
SELECT is(pg_temp.tag(:'small'), tag, 'does not change this one''s tag') FROM tags WHERE n = 6;

-- Since.
CREATE FUNCTION pg_temp.changed(p_schedule uuid, p_since bigint) RETURNS TABLE (seat_id uuid, status text) LANGUAGE sql AS $$
	SELECT (c ->> 'seatId')::uuid, c ->> 'status' FROM json_array_elements((reservation.seat_changes(p_schedule, p_since)).body::json -> 'changed') c $$;
SELECT matches((reservation.seat_changes(:'small', 0)).body, '^{"version":\d+,"changed":\[({"seatId":"[0-9a-f-]{36}","status":"(AVAILABLE|HOLD)"},?){5}\]}$',
    'since 0: all seats, the contract''s members');
SELECT is((reservation.seat_changes(:'small', 0)).body::json ->> 'version', (:'m_reply'::platform.reply).body::json ->> 'version',
    'the version is the map''s: this transaction has been open since before both');
SELECT set_eq(format('SELECT seat_id, status FROM pg_temp.changed(%L, %s)', :'small', (:'m_reply'::platform.reply).body::json ->> 'version'),
    format('SELECT * FROM pg_temp.shown(%L)', :'small'), 'since that version: what this transaction itself has written, all of it');
SELECT set_eq(format('SELECT seat_id, status FROM pg_temp.changed(%L, 9223372036854775807)', :'small'), format('SELECT * FROM pg_temp.shown(%L)', :'small'),
    'a version from the future: all seats');
-- Written long ago, as far as transaction ids go.
ALTER TABLE reservation.seats DISABLE TRIGGER seat_change_is_counted;
UPDATE reservation.seats SET changed_xid = '3' WHERE schedule_id = :'small';
SELECT is((reservation.seat_changes(:'small', 4)).body::json ->> 'changed', '[]', 'nothing has changed since');
SELECT is(count(*), 5::bigint, 'since that very version: all, the version''s own transaction included') FROM pg_temp.changed(:'small', 3);
UPDATE reservation.seats SET hold_expires_at = clock_timestamp() - interval '1 second' WHERE schedule_id = :'small' AND status = 'HOLD';
SELECT results_eq(format('SELECT * FROM pg_temp.changed(%L, 4)', :'small'), format('VALUES (%L::uuid, ''AVAILABLE'')', pg_temp.seat(:'small', 'A-A-1')),
    'a hold that has run out since is there, though no transaction wrote it');
SELECT is(count(*), 5::bigint, 'and not twice') FROM pg_temp.changed(:'small', 3);

-- Ten thousand seats.
SELECT pg_temp.new_schedule('[{"section":"V","grade":"VIP","price":1,"rows":100,"seatsPerRow":100}]') AS big \gset
SELECT is(count(DISTINCT seat_id), 10000::bigint, 'a map of ten thousand seats has them all') FROM pg_temp.shown(:'big');

SELECT * FROM finish();
ROLLBACK;
