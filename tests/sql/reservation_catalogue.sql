-- Concerts, schedules and their seats: made by operators, listed for everybody.
BEGIN;
SELECT plan(108);
\ir include/reservation.psql

-- Concerts.
SELECT (reservation.create_concert('T "1"', '가수', 'V', 'Seoul')) AS reply \gset c1_
SELECT (:'c1_reply'::platform.reply).body::json ->> 'concertId' AS c1 \gset
SELECT is((:'c1_reply'::platform.reply).outcome, 'CREATED', 'a concert is CREATED');
SELECT is((:'c1_reply'::platform.reply).body,
    format('{"concertId":"%s","title":"T \"1\"","artist":"가수","venue":"V","address":"Seoul","firstStartAt":null,"lastStartAt":null}', :'c1'),
    'with the contract''s members in their order, and no start while it has no schedule');
SELECT is((reservation.get_concert(:'c1')).body, (:'c1_reply'::platform.reply).body, 'and is shown so');
SELECT is((reservation.get_concert(:'nobody')).outcome, 'CONCERT_NOT_FOUND', 'another id is CONCERT_NOT_FOUND');

SELECT (reservation.create_concert('T2', 'A', 'V', 'Seoul')).body::json ->> 'concertId' AS c2 \gset
SELECT (reservation.create_concert('T3', 'A', 'V', 'Seoul')).body::json ->> 'concertId' AS c3 \gset
SELECT (reservation.list_concerts(2, NULL)).body AS page1 \gset
SELECT is(:'page1'::json #>> '{items,0,concertId}', :'c3', 'the list begins with the newest');
SELECT is(:'page1'::json #>> '{items,1,concertId}', :'c2', 'then the one before');
SELECT is(json_array_length(:'page1'::json -> 'items'), 2, 'as many as were asked for');
SELECT is(:'page1'::json ->> 'nextCursor', platform.cursor(:'c2'), 'and its cursor is the last one''s id');
SELECT is((reservation.list_concerts(1, :'c2')).body::json #>> '{items,0,concertId}', :'c1', 'where the next page begins');
SELECT is((reservation.list_concerts(2, (SELECT concert_id FROM reservation.concerts ORDER BY concert_id LIMIT 1))).body,
    '{"items":[],"nextCursor":null}', 'past the end the list is empty');
SELECT is((reservation.list_concerts(2, '00000000-0000-0000-0000-000000000000')).outcome, 'INVALID_REQUEST',
    'what is no concert''s id is no cursor');
SELECT is((reservation.list_concerts(count(*)::int, NULL)).body::json ->> 'nextCursor', NULL, 'a page that holds all has no next')
FROM reservation.concerts;

-- The names of a concert that can be changed.
SELECT is((reservation.change_concert(:'c1', '{}')).body, (:'c1_reply'::platform.reply).body, 'change_without_names_changes_nothing');
SELECT reservation.change_concert(:'c2', '{"venue":"홀 \"2\""}') AS r \gset changed_
SELECT is((:'changed_r'::platform.reply).outcome || (:'changed_r'::platform.reply).body,
    format('OK{"concertId":"%s","title":"T2","artist":"A","venue":"홀 \"2\"","address":"Seoul","firstStartAt":null,"lastStartAt":null}', :'c2'),
    'change_of_one_name_keeps_the_others');
SELECT is((reservation.change_concert(:'c2', '{"title":"T2b","artist":"B","address":"Busan"}')).body::jsonb - 'concertId',
    '{"title":"T2b","artist":"B","venue":"홀 \"2\"","address":"Busan","firstStartAt":null,"lastStartAt":null}', 'several_names_change_at_once');
SELECT is((reservation.get_concert(:'c2')).body::json ->> 'title', 'T2b', 'changed_concert_is_shown_changed');
SELECT is((reservation.get_concert(:'c1')).body, (:'c1_reply'::platform.reply).body, 'other_concert_keeps_its_names');
SELECT is((reservation.change_concert(:'nobody', '{"title":"T"}')).outcome, 'CONCERT_NOT_FOUND', 'change_of_an_unknown_concert_is_not_found');

-- A schedule.
SELECT reservation.create_schedule(:'c1', '2031-05-10 19:00:00+09', '2031-05-10 21:30:00+09', '2031-04-01 20:00:00+09', 'ON_SALE',
    '[{"section":"Floor \"A\"","grade":"S","price":50000,"rows":28,"seatsPerRow":3},
      {"section":"B","grade":"VIP","price":180000,"rows":1,"seatsPerRow":4},
      {"section":"C","grade":"VIP","price":150000,"rows":2,"seatsPerRow":2}]') AS reply \gset s1_
SELECT (:'s1_reply'::platform.reply).body::json ->> 'scheduleId' AS s1 \gset
SELECT is((:'s1_reply'::platform.reply).outcome, 'CREATED', 'a schedule is CREATED');
SELECT is((:'s1_reply'::platform.reply).body::jsonb, format('{"scheduleId":"%s","concertId":"%s","startAt":"2031-05-10T10:00:00.000Z",
    "endAt":"2031-05-10T12:30:00.000Z","status":"ON_SALE","saleOpensAt":"2031-04-01T11:00:00.000Z","saleClosesAt":"2031-05-10T10:00:00.000Z","maxPerUser":4,"totalSeats":92,
    "remaining":[{"grade":"VIP","price":150000,"total":8,"available":8},{"grade":"S","price":50000,"total":84,"available":84}]}',
    :'s1', :'c1')::jsonb, 'its remaining seats by grade: VIP before S, the lowest price of a grade, none of R');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((:'s1_reply'::platform.reply).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['scheduleId', 'concertId', 'startAt', 'endAt', 'status', 'saleOpensAt', 'saleClosesAt', 'maxPerUser', 'totalSeats', 'remaining'], 'members in their order');
SELECT is((reservation.get_schedule(:'s1')).body, (:'s1_reply'::platform.reply).body, 'and it is shown so');
SELECT is((reservation.get_schedule(:'nobody')).outcome, 'SCHEDULE_NOT_FOUND', 'another id is SCHEDULE_NOT_FOUND');
SELECT is(count(*), 92::bigint, 'all its seats are there') FROM reservation.seats WHERE schedule_id = :'s1';
SELECT is(array_agg(DISTINCT row_label COLLATE "C") FILTER (WHERE row_no > 24), ARRAY['AA', 'AB', 'Y', 'Z'],
    'rows after Z are AA, AB') FROM reservation.seats WHERE schedule_id = :'s1' AND section_no = 1;
SELECT results_eq($$SELECT reservation.row_label(n) FROM unnest(ARRAY[1, 26, 27, 52, 53, 702, 703, 18278, 18279]) n$$,
    ARRAY['A', 'Z', 'AA', 'AZ', 'BA', 'ZZ', 'AAA', 'ZZZ', 'AAAA'], 'and so on');
SELECT ok(bool_and(status = 'AVAILABLE' AND hold_epoch = 0), 'and AVAILABLE') FROM reservation.seats WHERE schedule_id = :'s1';
SELECT ok(bool_and(seat_id > before), 'ids go up from seat to seat') FROM (
	SELECT seat_id, lag(seat_id) OVER (ORDER BY section_no, row_no, number) AS before FROM reservation.seats WHERE schedule_id = :'s1') s;
SELECT is((reservation.get_concert(:'c1')).body::json ->> 'firstStartAt', '2031-05-10T10:00:00.000Z', 'its concert begins with it');

-- A draw of those who come before the opening.
SELECT reservation.create_schedule(:'c3', now() + '2 days', now() + '3 days', now() + '1 hour', 'ON_SALE',
    '[{"section":"A","grade":"S","price":50000,"rows":1,"seatsPerRow":1}]', 'DRAW') AS reply \gset draw_
SELECT (:'draw_reply'::platform.reply).body::json ->> 'scheduleId' AS draw \gset
SELECT is((:'draw_reply'::platform.reply).body::json ->> 'preQueue', 'DRAW', 'a schedule may ask for a draw');
SELECT is((:'draw_reply'::platform.reply).body::json ->> 'drawCommitment', encode(sha256(draw_seed), 'hex'), 'the hash of its seed is shown')
FROM reservation.schedules WHERE schedule_id = :'draw';
SELECT is((:'draw_reply'::platform.reply).body::json -> 'drawSeed' #>> '{}', NULL, 'and not the seed');
SELECT is((reservation.queue_facts(NULL, :'draw')).body::json ->> 'drawSeed', encode(draw_seed, 'hex'), 'which the queue is given')
FROM reservation.schedules WHERE schedule_id = :'draw';
UPDATE reservation.schedules SET sale_opens_at = now() WHERE schedule_id = :'draw';
SELECT is((reservation.get_schedule(:'draw')).body::json ->> 'drawSeed', encode(draw_seed, 'hex'), 'from the opening on everybody')
FROM reservation.schedules WHERE schedule_id = :'draw';
SELECT is((r).body, '{"errors" : [{"field": "preQueue", "reason": "DRAW needs saleOpensAt"}]}', 'a draw needs an opening')
FROM (SELECT reservation.create_schedule(:'c1', now(), now() + '1 day', NULL, 'ON_SALE',
    '[{"section":"A","grade":"S","price":50000,"rows":1,"seatsPerRow":1}]', 'DRAW') AS r) d;

-- What is refused.
CREATE FUNCTION pg_temp.refused(p_concert uuid, p_sections json, p_start text DEFAULT '2031-01-01Z', p_end text DEFAULT '2031-01-02Z') RETURNS text
LANGUAGE sql AS $$
	SELECT (r).outcome || coalesce(' ' || (SELECT string_agg((e ->> 'field') || ': ' || (e ->> 'reason'), '; ')
	    FROM json_array_elements((r).body::json -> 'errors') e), '')
	FROM reservation.create_schedule(p_concert, p_start::timestamptz, p_end::timestamptz, NULL, 'ON_SALE', p_sections) r
$$;
\set good '{"section":"A","grade":"VIP","price":1000,"rows":1,"seatsPerRow":1}'
\set one_good '[':good']'
SELECT is(pg_temp.refused(:'nobody', :'one_good'), 'CONCERT_NOT_FOUND', 'an unknown concert');
SELECT is(pg_temp.refused(:'c1', :'one_good', '2031-01-02Z'), 'INVALID_REQUEST endAt: must be after startAt', 'an end at the start');
SELECT is(pg_temp.refused(:'c1', v::json), 'INVALID_REQUEST sections: must be an array of 1 to 100 sections', 'sections that are ' || left(v, 6))
FROM unnest(ARRAY['[]', '{}', '"A"', 'null', '[' || repeat('0,', 100) || '0]']) v;
SELECT is(pg_temp.refused(:'c1', NULL), 'INVALID_REQUEST sections: must be an array of 1 to 100 sections', 'no sections');
SELECT is(pg_temp.refused(:'c1', '[1]'), 'INVALID_REQUEST sections[0]: must be an object', 'a section that is a number');
SELECT is(pg_temp.refused(:'c1', ('[' || :'good' || ',' || :'good' || ']')::json), 'INVALID_REQUEST sections[1].section: is there twice', 'one name twice');
SELECT is(pg_temp.refused(:'c1', json_build_array(:'good'::jsonb || change)), 'INVALID_REQUEST sections[0].' || expected, change::text)
FROM (VALUES
	('{"section":""}'::jsonb, 'section: must be a text of 1 to 50 characters'),
	('{"section":7}', 'section: must be a text of 1 to 50 characters'),
	('{"grade":"A"}', 'grade: must be VIP, R or S'),
	('{"grade":null}', 'grade: must be VIP, R or S'),
	('{"price":0}', 'price: must be a whole number from 1 to 10000000'),
	('{"price":-5}', 'price: must be a whole number from 1 to 10000000'),
	('{"price":"5"}', 'price: must be a whole number from 1 to 10000000'),
	('{"price":1.5}', 'price: must be a whole number from 1 to 10000000'),
	('{"price":10000001}', 'price: must be a whole number from 1 to 10000000'),
	('{"rows":0}', 'rows: must be a whole number from 1 to 100000'),
	('{"rows":99999999999999999999}', 'rows: must be a whole number from 1 to 100000'),
	('{"seatsPerRow":null}', 'seatsPerRow: must be a whole number from 1 to 100000')) v (change, expected);
SELECT is(pg_temp.refused(:'c1', '[{"section":"A","grade":"VIP","price":1,"rows":1000,"seatsPerRow":100},{"section":"B","grade":"R","price":1,"rows":1,"seatsPerRow":1}]'),
    'INVALID_REQUEST sections: make more than 100,000 seats', '100,001 seats');
SELECT is((SELECT count(*) FROM reservation.schedules WHERE concert_id = :'c1'), 1::bigint, 'nothing was made of what was refused');

-- Lists, by days of Seoul: s1 is on 10 May, s2 begins at its midnight, s3 a moment before the 12th's.
SELECT (reservation.create_schedule(:'c1', '2031-05-11 00:00:00+09', '2031-05-11 02:00:00+09', NULL, 'ON_SALE', :'one_good')).body::json ->> 'scheduleId' AS s2 \gset
SELECT (reservation.create_schedule(:'c1', '2031-05-11 23:59:59.999+09', '2031-05-12 02:00:00+09', NULL, 'CLOSED', :'one_good')).body::json ->> 'scheduleId' AS s3 \gset
CREATE FUNCTION pg_temp.listed(p_concert uuid, p_from date, p_to date, p_status text) RETURNS text
LANGUAGE sql AS $$
	SELECT coalesce(string_agg(s ->> 'startAt', ' ' ORDER BY n), 'none')
	FROM json_array_elements((reservation.list_schedules(p_concert, p_from, p_to, p_status)).body::json -> 'schedules') WITH ORDINALITY e (s, n)
$$;
\set t1 '2031-05-10T10:00:00.000Z'
\set t2 '2031-05-10T15:00:00.000Z'
\set t3 '2031-05-11T14:59:59.999Z'
SELECT is(pg_temp.listed(:'c1', NULL, NULL, 'ALL'), concat_ws(' ', :'t1', :'t2', :'t3'), 'all, by start');
SELECT is(pg_temp.listed(:'c1', NULL, NULL, NULL), concat_ws(' ', :'t1', :'t2'), 'on sale, if nothing else is asked');
SELECT is(pg_temp.listed(:'c1', NULL, NULL, 'CLOSED'), :'t3', 'closed');
SELECT is(pg_temp.listed(:'c1', '2031-05-11', '2031-05-11', 'ALL'), concat_ws(' ', :'t2', :'t3'), 'a day of Seoul is from its midnight to the next');
SELECT is(pg_temp.listed(:'c1', NULL, '2031-05-10', 'ALL'), :'t1', 'until a day, which is included');
SELECT is(pg_temp.listed(:'c1', '2031-05-12', NULL, 'ALL'), 'none', 'from a day on');
SELECT is((reservation.list_schedules(:'nobody', NULL, NULL, 'ALL')).outcome, 'CONCERT_NOT_FOUND', 'of an unknown concert');
SELECT is((reservation.list_schedules(:'c2', NULL, NULL, 'ALL')).body, format('{"concertId":"%s","schedules":[]}', :'c2'), 'of one without schedules');

SELECT is(string_agg(e ->> 'field', ' '), 'endAt preQueue sections[0].price', 'all that is wrong is said at once')
FROM json_array_elements((reservation.create_schedule(:'c1', now(), now(), NULL, 'ON_SALE',
    '[{"section":"A","grade":"S","price":0,"rows":1,"seatsPerRow":1}]', 'DRAW')).body::json -> 'errors') e;

-- The end of the sale.
\set sections '[{"section":"A","grade":"S","price":50000,"rows":1,"seatsPerRow":1}]'
CREATE FUNCTION pg_temp.sale(p_concert uuid, p_opens text, p_closes text, p_start text DEFAULT '2031-01-01Z', p_end text DEFAULT '2031-01-02Z',
    p_max int DEFAULT 4) RETURNS text
LANGUAGE sql AS $$
	SELECT CASE (r).outcome WHEN 'CREATED' THEN (r).body::json ->> 'status' ELSE (SELECT string_agg((e ->> 'field') || ': ' || (e ->> 'reason'), '; ')
	    FROM json_array_elements((r).body::json -> 'errors') e) END
	FROM reservation.create_schedule(p_concert, p_start::timestamptz, p_end::timestamptz, p_opens::timestamptz, p_closes::timestamptz,
	    'ON_SALE', p_max, '[{"section":"A","grade":"S","price":50000,"rows":1,"seatsPerRow":1}]', NULL) r
$$;
SELECT (reservation.create_concert('T4', 'A', 'V', 'Seoul')).body::json ->> 'concertId' AS c4 \gset
SELECT is(pg_temp.sale(:'c4', NULL, NULL, '2020-01-01Z', '2020-01-02Z'), 'CLOSED', 'a concert that has begun is not sold');
SELECT is(pg_temp.sale(:'c4', NULL, NULL, '2020-01-01Z', '2131-01-02Z'), 'CLOSED', 'nor is one that has not ended yet');
SELECT is(pg_temp.sale(:'c4', NULL, '2030-12-31Z', '2020-01-01Z', '2031-01-02Z'), 'ON_SALE', 'unless its sale goes on');
SELECT is(pg_temp.sale(:'c4', NULL, now()::text), 'CLOSED', 'a sale that ends now is over');
SELECT is(pg_temp.sale(:'c4', NULL, '2031-01-02Z'), 'ON_SALE', 'it may end with the concert');
SELECT is(pg_temp.sale(:'c4', NULL, '2031-01-02 00:00:00.001Z'), 'saleClosesAt: must not be after endAt', 'and not later');
SELECT is(pg_temp.sale(:'c4', '2030-01-01Z', '2030-01-01Z'), 'saleClosesAt: must be after saleOpensAt', 'it ends after its opening');
SELECT is(pg_temp.sale(:'c4', '2031-01-02Z', NULL), 'saleOpensAt: must be before startAt, where the sale ends without saleClosesAt', 'also without saying when');
SELECT is(pg_temp.sale(:'c4', '2031-01-01Z', NULL), 'saleOpensAt: must be before startAt, where the sale ends without saleClosesAt', 'an opening at the start is none');
SELECT is(pg_temp.sale(:'c4', '2031-01-01Z', '2031-01-01 00:00:01Z'), 'ON_SALE', 'a sale during the concert');
SELECT is(pg_temp.sale(:'c4', '2031-01-03Z', '2031-01-04Z', '2031-01-02Z', '2031-01-01Z'),
    'endAt: must be after startAt; saleClosesAt: must not be after endAt', 'all that is wrong is said');
SELECT is(json_agg(s ->> 'status' ORDER BY s ->> 'startAt')::text, '["CLOSED", "CLOSED", "CLOSED"]', 'the list of what is closed goes by what is shown')
FROM json_array_elements((reservation.list_schedules(:'c4', NULL, NULL, 'CLOSED')).body::json -> 'schedules') s;
SELECT is(json_agg(DISTINCT s ->> 'status')::text, '["ON_SALE"]', 'and that of what is on sale')
FROM json_array_elements((reservation.list_schedules(:'c4', NULL, NULL, NULL)).body::json -> 'schedules') s;
SELECT is(json_array_length((reservation.list_schedules(:'c4', NULL, NULL, 'ALL')).body::json -> 'schedules'), 6, 'all are all');

-- The fields of a schedule that can be changed.
SELECT (reservation.create_schedule(:'c4', '2031-06-01Z', '2031-06-02Z', '2031-05-01Z', NULL, 'ON_SALE', 7, :'sections', NULL)).body::json ->> 'scheduleId' AS s4 \gset
CREATE FUNCTION pg_temp.changed(p_schedule uuid, p_changes jsonb) RETURNS text
LANGUAGE sql AS $$
	SELECT CASE (r).outcome WHEN 'OK' THEN concat_ws(' ', (r).body::json ->> 'status', (r).body::json ->> 'saleClosesAt', (r).body::json ->> 'maxPerUser')
	    ELSE concat_ws(' ', (r).outcome, (r).body) END
	FROM reservation.change_schedule(p_schedule, p_changes) r
$$;
SELECT is(pg_temp.changed(:'s4', '{}'), 'ON_SALE 2031-06-01T00:00:00.000Z 7', 'no change is none');
SELECT is(pg_temp.changed(:'s4', '{"status":"CLOSED"}'), 'CLOSED 2031-06-01T00:00:00.000Z 7', 'the status');
SELECT is(pg_temp.changed(:'s4', '{"status":"ON_SALE","maxPerUser":100}'), 'ON_SALE 2031-06-01T00:00:00.000Z 100', 'two at once');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":"2031-06-02T00:00:00.000Z"}'), 'ON_SALE 2031-06-02T00:00:00.000Z 100', 'the end of the sale');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":"2031-06-02T00:00:00.001Z","maxPerUser":1}'),
    'INVALID_REQUEST {"errors" : [{"field" : "saleClosesAt", "reason" : "must not be after endAt"}]}', 'not after the concert');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":"2031-05-01T00:00:00.000Z","status":"CLOSED"}'),
    'INVALID_REQUEST {"errors" : [{"field" : "saleClosesAt", "reason" : "must be after saleOpensAt"}]}', 'nor at the opening');
SELECT is(pg_temp.changed(:'s4', '{}'), 'ON_SALE 2031-06-02T00:00:00.000Z 100', 'what is refused changes nothing');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":null}'), 'ON_SALE 2031-06-01T00:00:00.000Z 100', 'without an end of its own it ends at the start again');
UPDATE reservation.schedules SET start_at = '2031-06-01 12:00Z' WHERE schedule_id = :'s4';
SELECT is(pg_temp.changed(:'s4', '{}'), 'ON_SALE 2031-06-01T12:00:00.000Z 100', 'and follows it');
UPDATE reservation.schedules SET sale_opens_at = '2031-06-01 12:00Z' WHERE schedule_id = :'s4';
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":null}'),
    'INVALID_REQUEST {"errors" : [{"field" : "saleClosesAt", "reason" : "is needed: saleOpensAt is not before startAt"}]}', 'unless it opens no earlier');
SELECT is(pg_temp.changed(:'s4', '{"status":"CLOSED"}'), 'CLOSED 2031-06-01T12:00:00.000Z 100', 'times of old that are out of order keep nothing else from being changed');
SELECT is(pg_temp.changed(:'nobody', '{"status":"CLOSED"}'), 'SCHEDULE_NOT_FOUND', 'an unknown schedule');
UPDATE reservation.schedules SET sale_opens_at = NULL, sale_closes_at = clock_timestamp() WHERE schedule_id = :'s4';
SELECT is((reservation.change_schedule(:'s4', '{"status":"ON_SALE"}')).body::json ->> 'status', 'CLOSED', 'a sale that is over is not opened by its status');

-- The lowest price that can be had.
SELECT reservation.create_schedule(:'c4', '2031-07-01Z', '2031-07-02Z', NULL, NULL, 'ON_SALE', 4,
    '[{"section":"A","grade":"R","price":100,"rows":1,"seatsPerRow":1},{"section":"B","grade":"R","price":300,"rows":1,"seatsPerRow":1},
      {"section":"C","grade":"R","price":200,"rows":1,"seatsPerRow":1},{"section":"D","grade":"S","price":50,"rows":1,"seatsPerRow":2}]', NULL) AS r \gset s5_
SELECT (:'s5_r'::platform.reply).body::json ->> 'scheduleId' AS s5 \gset
CREATE FUNCTION pg_temp.lowest(p_schedule uuid) RETURNS text
LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s/%s', g ->> 'grade', g ->> 'price', g ->> 'available', g ->> 'total'), ', ')
	FROM json_array_elements((reservation.get_schedule(p_schedule)).body::json -> 'remaining') g
$$;
CREATE FUNCTION pg_temp.take(p_schedule uuid, p_section text, p_expires timestamptz) RETURNS void
LANGUAGE sql AS $$
	UPDATE reservation.seats SET status = CASE WHEN p_expires IS NULL THEN 'SOLD_OUT' ELSE 'HOLD' END, reservation_id = platform.uuid_v7(),
	    hold_expires_at = p_expires
	WHERE schedule_id = p_schedule AND section = p_section
$$;
SELECT is(pg_temp.lowest(:'s5'), 'R 100 3/3, S 50 2/2', 'at first it is the lowest of all');
SELECT pg_temp.take(:'s5', 'A', NULL);
SELECT is(pg_temp.lowest(:'s5'), 'R 200 2/3, S 50 2/2', 'then that of the next section, in whatever order they stand');
SELECT pg_temp.take(:'s5', 'C', now() + interval '1 hour');
SELECT is(pg_temp.lowest(:'s5'), 'R 300 1/3, S 50 2/2', 'a seat that is held cannot be had');
SELECT pg_temp.take(:'s5', 'C', now() - interval '1 second');
SELECT is(pg_temp.lowest(:'s5'), 'R 200 2/3, S 50 2/2', 'one whose hold has run out can, at once');
SELECT pg_temp.take(:'s5', s, NULL) FROM unnest(ARRAY['B', 'C', 'D']) s;
SELECT is(pg_temp.lowest(:'s5'), 'R 100 0/3, S 50 0/2', 'where nothing is left it is the lowest of all again');

-- Closing as instances of the release before do it, and the queue's question.
SELECT is((reservation.set_schedule_status(:'s2', 'CLOSED')).body::json ->> 'status', 'CLOSED', 'a schedule is closed');
SELECT is((reservation.get_schedule(:'s2')).body::json ->> 'status', 'CLOSED', 'and stays so');
SELECT is((reservation.set_schedule_status(:'nobody', 'CLOSED')).outcome, 'SCHEDULE_NOT_FOUND', 'an unknown one is not');
SELECT is((reservation.queue_facts(:'c1', :'s1')).body::json ->> 'seatsLeft', '92', 'the queue is told how many seats are left');
SELECT is((reservation.queue_facts(:'c1', :'s1')).body::json ->> 'saleOpensAtMs', '1932807600000', 'and when the sale opens');
SELECT is((reservation.queue_facts(NULL, :'s2')).body::jsonb - 'saleClosesAtMs', format('{"concertId":"%s","status":"CLOSED","saleOpensAtMs":0,"drawSeed":null,"seatsLeft":1}', :'c1')::jsonb,
    'of whatever concert it is');
SELECT is((reservation.queue_facts(:'c2', :'s1')).outcome, 'SCHEDULE_NOT_FOUND', 'another concert''s schedule is none');
SELECT is((reservation.queue_facts(:'nobody', :'s1')).outcome, 'CONCERT_NOT_FOUND', 'an unknown concert''s neither');

SELECT * FROM finish();
ROLLBACK;
