-- Concerts, schedules and their seats: operators make them, and all users read them.
BEGIN;
SELECT plan(108);
\ir include/reservation.psql

-- Concerts.
SELECT (reservation.create_concert('T "1"', '가수', 'V', 'Seoul')) AS reply \gset c1_
SELECT (:'c1_reply'::platform.reply).body::json ->> 'concertId' AS c1 \gset
SELECT is((:'c1_reply'::platform.reply).outcome, 'CREATED', 'concert_is_CREATED');
SELECT is((:'c1_reply'::platform.reply).body,
    format('{"concertId":"%s","title":"T \"1\"","artist":"가수","venue":"V","address":"Seoul","firstStartAt":null,"lastStartAt":null}', :'c1'),
    'concert_has_the_members_of_the_contract_and_no_start_without_schedules');
SELECT is((reservation.get_concert(:'c1')).body, (:'c1_reply'::platform.reply).body, 'get_shows_the_concert_as_created');
SELECT is((reservation.get_concert(:'nobody')).outcome, 'CONCERT_NOT_FOUND', 'unknown_concert_is_CONCERT_NOT_FOUND');

SELECT (reservation.create_concert('T2', 'A', 'V', 'Seoul')).body::json ->> 'concertId' AS c2 \gset
SELECT (reservation.create_concert('T3', 'A', 'V', 'Seoul')).body::json ->> 'concertId' AS c3 \gset
SELECT (reservation.list_concerts(2, NULL)).body AS page1 \gset
SELECT is(:'page1'::json #>> '{items,0,concertId}', :'c3', 'list_begins_with_the_newest_concert');
SELECT is(:'page1'::json #>> '{items,1,concertId}', :'c2', 'second_concert_is_the_one_before');
SELECT is(json_array_length(:'page1'::json -> 'items'), 2, 'page_has_as_many_concerts_as_asked');
SELECT is(:'page1'::json ->> 'nextCursor', platform.cursor(:'c2'), 'cursor_is_the_id_of_the_last_concert');
SELECT is((reservation.list_concerts(1, :'c2')).body::json #>> '{items,0,concertId}', :'c1', 'next_page_begins_at_the_cursor');
SELECT is((reservation.list_concerts(2, (SELECT concert_id FROM reservation.concerts ORDER BY concert_id LIMIT 1))).body,
    '{"items":[],"nextCursor":null}', 'page_behind_the_last_concert_is_empty');
SELECT is((reservation.list_concerts(2, '00000000-0000-0000-0000-000000000000')).outcome, 'INVALID_REQUEST',
    'cursor_that_is_no_concert_is_refused');
SELECT is((reservation.list_concerts(count(*)::int, NULL)).body::json ->> 'nextCursor', NULL, 'full_page_without_more_has_no_cursor')
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
SELECT is((:'s1_reply'::platform.reply).outcome, 'CREATED', 'schedule_is_CREATED');
SELECT is((:'s1_reply'::platform.reply).body::jsonb, format('{"scheduleId":"%s","concertId":"%s","startAt":"2031-05-10T10:00:00.000Z",
    "endAt":"2031-05-10T12:30:00.000Z","status":"ON_SALE","saleOpensAt":"2031-04-01T11:00:00.000Z","saleClosesAt":"2031-05-10T10:00:00.000Z","maxPerUser":4,"totalSeats":92,
    "remaining":[{"grade":"VIP","price":150000,"total":8,"available":8},{"grade":"S","price":50000,"total":84,"available":84}]}',
    :'s1', :'c1')::jsonb, 'remaining_is_by_grade_with_the_lowest_price');
SELECT is((SELECT array_agg(k ORDER BY n) FROM json_object_keys((:'s1_reply'::platform.reply).body::json) WITH ORDINALITY o (k, n)),
    ARRAY['scheduleId', 'concertId', 'startAt', 'endAt', 'status', 'saleOpensAt', 'saleClosesAt', 'maxPerUser', 'totalSeats', 'remaining'], 'schedule_has_the_members_of_the_contract_in_order');
SELECT is((reservation.get_schedule(:'s1')).body, (:'s1_reply'::platform.reply).body, 'get_shows_the_schedule_as_created');
SELECT is((reservation.get_schedule(:'nobody')).outcome, 'SCHEDULE_NOT_FOUND', 'unknown_schedule_is_SCHEDULE_NOT_FOUND');
SELECT is(count(*), 92::bigint, 'schedule_has_all_its_seats') FROM reservation.seats WHERE schedule_id = :'s1';
SELECT is(array_agg(DISTINCT row_label COLLATE "C") FILTER (WHERE row_no > 24), ARRAY['AA', 'AB', 'Y', 'Z'],
    'rows_after_Z_are_AA_and_AB') FROM reservation.seats WHERE schedule_id = :'s1' AND section_no = 1;
SELECT results_eq($$SELECT reservation.row_label(n) FROM unnest(ARRAY[1, 26, 27, 52, 53, 702, 703, 18278, 18279]) n$$,
    ARRAY['A', 'Z', 'AA', 'AZ', 'BA', 'ZZ', 'AAA', 'ZZZ', 'AAAA'], 'rows_after_ZZ_are_AAA');
SELECT ok(bool_and(status = 'AVAILABLE' AND hold_epoch = 0), 'new_seats_are_AVAILABLE') FROM reservation.seats WHERE schedule_id = :'s1';
SELECT ok(bool_and(seat_id > before), 'ids_of_seats_rise_from_seat_to_seat') FROM (
	SELECT seat_id, lag(seat_id) OVER (ORDER BY section_no, row_no, number) AS before FROM reservation.seats WHERE schedule_id = :'s1') s;
SELECT is((reservation.get_concert(:'c1')).body::json ->> 'firstStartAt', '2031-05-10T10:00:00.000Z', 'concert_starts_with_its_first_schedule');

-- A schedule with a draw for users who enter before the opening.
SELECT reservation.create_schedule(:'c3', now() + '2 days', now() + '3 days', now() + '1 hour', 'ON_SALE',
    '[{"section":"A","grade":"S","price":50000,"rows":1,"seatsPerRow":1}]', 'DRAW') AS reply \gset draw_
SELECT (:'draw_reply'::platform.reply).body::json ->> 'scheduleId' AS draw \gset
SELECT is((:'draw_reply'::platform.reply).body::json ->> 'preQueue', 'DRAW', 'schedule_may_have_a_draw');
SELECT is((:'draw_reply'::platform.reply).body::json ->> 'drawCommitment', encode(sha256(draw_seed), 'hex'), 'draw_shows_the_hash_of_its_seed')
FROM reservation.schedules WHERE schedule_id = :'draw';
SELECT is((:'draw_reply'::platform.reply).body::json -> 'drawSeed' #>> '{}', NULL, 'draw_hides_the_seed_before_the_opening');
SELECT is((reservation.queue_facts(NULL, :'draw')).body::json ->> 'drawSeed', encode(draw_seed, 'hex'), 'queue_gets_the_seed')
FROM reservation.schedules WHERE schedule_id = :'draw';
UPDATE reservation.schedules SET sale_opens_at = now() WHERE schedule_id = :'draw';
SELECT is((reservation.get_schedule(:'draw')).body::json ->> 'drawSeed', encode(draw_seed, 'hex'), 'draw_shows_the_seed_from_the_opening_on')
FROM reservation.schedules WHERE schedule_id = :'draw';
SELECT is((r).body, '{"errors" : [{"field": "preQueue", "reason": "DRAW needs saleOpensAt"}]}', 'draw_without_an_opening_is_refused')
FROM (SELECT reservation.create_schedule(:'c1', now(), now() + '1 day', NULL, 'ON_SALE',
    '[{"section":"A","grade":"S","price":50000,"rows":1,"seatsPerRow":1}]', 'DRAW') AS r) d;

-- Refused schedules.
CREATE FUNCTION pg_temp.refused(p_concert uuid, p_sections json, p_start text DEFAULT '2031-01-01Z', p_end text DEFAULT '2031-01-02Z') RETURNS text
LANGUAGE sql AS $$
	SELECT (r).outcome || coalesce(' ' || (SELECT string_agg((e ->> 'field') || ': ' || (e ->> 'reason'), '; ')
	    FROM json_array_elements((r).body::json -> 'errors') e), '')
	FROM reservation.create_schedule(p_concert, p_start::timestamptz, p_end::timestamptz, NULL, 'ON_SALE', p_sections) r
$$;
\set good '{"section":"A","grade":"VIP","price":1000,"rows":1,"seatsPerRow":1}'
\set one_good '[':good']'
SELECT is(pg_temp.refused(:'nobody', :'one_good'), 'CONCERT_NOT_FOUND', 'schedule_of_an_unknown_concert_is_CONCERT_NOT_FOUND');
SELECT is(pg_temp.refused(:'c1', :'one_good', '2031-01-02Z'), 'INVALID_REQUEST endAt: must be after startAt', 'end_at_the_start_is_refused');
SELECT is(pg_temp.refused(:'c1', v::json), 'INVALID_REQUEST sections: must be an array of 1 to 100 sections', 'sections_are_refused_as_' || left(v, 6))
FROM unnest(ARRAY['[]', '{}', '"A"', 'null', '[' || repeat('0,', 100) || '0]']) v;
SELECT is(pg_temp.refused(:'c1', NULL), 'INVALID_REQUEST sections: must be an array of 1 to 100 sections', 'empty_sections_are_refused');
SELECT is(pg_temp.refused(:'c1', '[1]'), 'INVALID_REQUEST sections[0]: must be an object', 'section_that_is_a_number_is_refused');
SELECT is(pg_temp.refused(:'c1', ('[' || :'good' || ',' || :'good' || ']')::json), 'INVALID_REQUEST sections[1].section: is there twice', 'second_section_of_a_name_is_refused');
SELECT is(pg_temp.refused(:'c1', json_build_array(:'good'::jsonb || change)), 'INVALID_REQUEST sections[0].' || expected, 'section_is_refused_with_' || change::text)
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
    'INVALID_REQUEST sections: make more than 100,000 seats', 'hall_of_100001_seats_is_refused');
SELECT is((SELECT count(*) FROM reservation.schedules WHERE concert_id = :'c1'), 1::bigint, 'refused_schedules_make_nothing');

-- Lists by days in Seoul: s1 is on 10 May, s2 begins at midnight of that night, s3 a moment before midnight of the
-- 12th.
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
SELECT is(pg_temp.listed(:'c1', NULL, NULL, 'ALL'), concat_ws(' ', :'t1', :'t2', :'t3'), 'all_schedules_are_listed_by_start');
SELECT is(pg_temp.listed(:'c1', NULL, NULL, NULL), concat_ws(' ', :'t1', :'t2'), 'default_list_has_schedules_on_sale');
SELECT is(pg_temp.listed(:'c1', NULL, NULL, 'CLOSED'), :'t3', 'list_of_CLOSED_has_closed_schedules');
SELECT is(pg_temp.listed(:'c1', '2031-05-11', '2031-05-11', 'ALL'), concat_ws(' ', :'t2', :'t3'), 'day_is_from_midnight_to_midnight_in_Seoul');
SELECT is(pg_temp.listed(:'c1', NULL, '2031-05-10', 'ALL'), :'t1', 'list_until_a_day_includes_it');
SELECT is(pg_temp.listed(:'c1', '2031-05-12', NULL, 'ALL'), 'none', 'list_from_a_day_includes_it');
SELECT is((reservation.list_schedules(:'nobody', NULL, NULL, 'ALL')).outcome, 'CONCERT_NOT_FOUND', 'list_of_an_unknown_concert_is_CONCERT_NOT_FOUND');
SELECT is((reservation.list_schedules(:'c2', NULL, NULL, 'ALL')).body, format('{"concertId":"%s","schedules":[]}', :'c2'), 'list_of_a_concert_without_schedules_is_empty');

SELECT is(string_agg(e ->> 'field', ' '), 'endAt preQueue sections[0].price', 'all_errors_of_the_times_are_named')
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
SELECT is(pg_temp.sale(:'c4', NULL, NULL, '2020-01-01Z', '2020-01-02Z'), 'CLOSED', 'begun_concert_reads_CLOSED');
SELECT is(pg_temp.sale(:'c4', NULL, NULL, '2020-01-01Z', '2131-01-02Z'), 'CLOSED', 'concert_that_has_not_ended_reads_CLOSED');
SELECT is(pg_temp.sale(:'c4', NULL, '2030-12-31Z', '2020-01-01Z', '2031-01-02Z'), 'ON_SALE', 'begun_concert_with_a_later_sale_end_is_ON_SALE');
SELECT is(pg_temp.sale(:'c4', NULL, now()::text), 'CLOSED', 'sale_that_ends_now_is_over');
SELECT is(pg_temp.sale(:'c4', NULL, '2031-01-02Z'), 'ON_SALE', 'sale_may_end_with_the_concert');
SELECT is(pg_temp.sale(:'c4', NULL, '2031-01-02 00:00:00.001Z'), 'saleClosesAt: must not be after endAt', 'sale_that_ends_after_the_concert_is_refused');
SELECT is(pg_temp.sale(:'c4', '2030-01-01Z', '2030-01-01Z'), 'saleClosesAt: must be after saleOpensAt', 'sale_that_ends_before_its_opening_is_refused');
SELECT is(pg_temp.sale(:'c4', '2031-01-02Z', NULL), 'saleOpensAt: must be before startAt, where the sale ends without saleClosesAt', 'opening_after_the_default_end_is_refused');
SELECT is(pg_temp.sale(:'c4', '2031-01-01Z', NULL), 'saleOpensAt: must be before startAt, where the sale ends without saleClosesAt', 'opening_at_the_start_is_refused');
SELECT is(pg_temp.sale(:'c4', '2031-01-01Z', '2031-01-01 00:00:01Z'), 'ON_SALE', 'sale_during_the_concert_is_accepted');
SELECT is(pg_temp.sale(:'c4', '2031-01-03Z', '2031-01-04Z', '2031-01-02Z', '2031-01-01Z'),
    'endAt: must be after startAt; saleClosesAt: must not be after endAt', 'all_errors_of_the_sale_are_named');
SELECT is(json_agg(s ->> 'status' ORDER BY s ->> 'startAt')::text, '["CLOSED", "CLOSED", "CLOSED"]', 'list_of_CLOSED_goes_by_the_shown_status')
FROM json_array_elements((reservation.list_schedules(:'c4', NULL, NULL, 'CLOSED')).body::json -> 'schedules') s;
SELECT is(json_agg(DISTINCT s ->> 'status')::text, '["ON_SALE"]', 'list_of_ON_SALE_goes_by_the_shown_status')
FROM json_array_elements((reservation.list_schedules(:'c4', NULL, NULL, NULL)).body::json -> 'schedules') s;
SELECT is(json_array_length((reservation.list_schedules(:'c4', NULL, NULL, 'ALL')).body::json -> 'schedules'), 6, 'list_of_ALL_has_every_status');

-- The fields of a schedule that can be changed.
SELECT (reservation.create_schedule(:'c4', '2031-06-01Z', '2031-06-02Z', '2031-05-01Z', NULL, 'ON_SALE', 7, :'sections', NULL)).body::json ->> 'scheduleId' AS s4 \gset
CREATE FUNCTION pg_temp.changed(p_schedule uuid, p_changes jsonb) RETURNS text
LANGUAGE sql AS $$
	SELECT CASE (r).outcome WHEN 'OK' THEN concat_ws(' ', (r).body::json ->> 'status', (r).body::json ->> 'saleClosesAt', (r).body::json ->> 'maxPerUser')
	    ELSE concat_ws(' ', (r).outcome, (r).body) END
	FROM reservation.change_schedule(p_schedule, p_changes) r
$$;
SELECT is(pg_temp.changed(:'s4', '{}'), 'ON_SALE 2031-06-01T00:00:00.000Z 7', 'empty_change_changes_nothing');
SELECT is(pg_temp.changed(:'s4', '{"status":"CLOSED"}'), 'CLOSED 2031-06-01T00:00:00.000Z 7', 'status_changes');
SELECT is(pg_temp.changed(:'s4', '{"status":"ON_SALE","maxPerUser":100}'), 'ON_SALE 2031-06-01T00:00:00.000Z 100', 'two_values_change_at_once');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":"2031-06-02T00:00:00.000Z"}'), 'ON_SALE 2031-06-02T00:00:00.000Z 100', 'end_of_the_sale_changes');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":"2031-06-02T00:00:00.001Z","maxPerUser":1}'),
    'INVALID_REQUEST {"errors" : [{"field" : "saleClosesAt", "reason" : "must not be after endAt"}]}', 'end_of_the_sale_after_the_concert_is_refused');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":"2031-05-01T00:00:00.000Z","status":"CLOSED"}'),
    'INVALID_REQUEST {"errors" : [{"field" : "saleClosesAt", "reason" : "must be after saleOpensAt"}]}', 'end_of_the_sale_at_the_opening_is_refused');
SELECT is(pg_temp.changed(:'s4', '{}'), 'ON_SALE 2031-06-02T00:00:00.000Z 100', 'refused_change_changes_nothing');
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":null}'), 'ON_SALE 2031-06-01T00:00:00.000Z 100', 'null_ends_the_sale_at_the_start_again');
UPDATE reservation.schedules SET start_at = '2031-06-01 12:00Z' WHERE schedule_id = :'s4';
SELECT is(pg_temp.changed(:'s4', '{}'), 'ON_SALE 2031-06-01T12:00:00.000Z 100', 'default_end_of_the_sale_follows_the_start');
UPDATE reservation.schedules SET sale_opens_at = '2031-06-01 12:00Z' WHERE schedule_id = :'s4';
SELECT is(pg_temp.changed(:'s4', '{"saleClosesAt":null}'),
    'INVALID_REQUEST {"errors" : [{"field" : "saleClosesAt", "reason" : "is needed: saleOpensAt is not before startAt"}]}', 'null_is_refused_if_the_opening_is_not_before_the_start');
SELECT is(pg_temp.changed(:'s4', '{"status":"CLOSED"}'), 'CLOSED 2031-06-01T12:00:00.000Z 100', 'old_times_out_of_order_do_not_block_other_changes');
SELECT is(pg_temp.changed(:'nobody', '{"status":"CLOSED"}'), 'SCHEDULE_NOT_FOUND', 'change_of_an_unknown_schedule_is_refused');
UPDATE reservation.schedules SET sale_opens_at = NULL, sale_closes_at = clock_timestamp() WHERE schedule_id = :'s4';
SELECT is((reservation.change_schedule(:'s4', '{"status":"ON_SALE"}')).body::json ->> 'status', 'CLOSED', 'status_cannot_reopen_a_sale_that_is_over');

-- The lowest price of an available seat.
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
SELECT is(pg_temp.lowest(:'s5'), 'R 100 3/3, S 50 2/2', 'price_is_the_lowest_of_the_grade_at_first');
SELECT pg_temp.take(:'s5', 'A', NULL);
SELECT is(pg_temp.lowest(:'s5'), 'R 200 2/3, S 50 2/2', 'price_is_that_of_the_next_section_with_seats');
SELECT pg_temp.take(:'s5', 'C', now() + interval '1 hour');
SELECT is(pg_temp.lowest(:'s5'), 'R 300 1/3, S 50 2/2', 'held_seat_does_not_count_for_the_price');
SELECT pg_temp.take(:'s5', 'C', now() - interval '1 second');
SELECT is(pg_temp.lowest(:'s5'), 'R 200 2/3, S 50 2/2', 'run_out_hold_counts_for_the_price_at_once');
SELECT pg_temp.take(:'s5', s, NULL) FROM unnest(ARRAY['B', 'C', 'D']) s;
SELECT is(pg_temp.lowest(:'s5'), 'R 100 0/3, S 50 0/2', 'price_without_free_seats_is_the_lowest_of_the_grade');

-- Closing a schedule as instances of the release before do it, and the schedule facts for the queue.
SELECT is((reservation.set_schedule_status(:'s2', 'CLOSED')).body::json ->> 'status', 'CLOSED', 'schedule_is_closed');
SELECT is((reservation.get_schedule(:'s2')).body::json ->> 'status', 'CLOSED', 'closed_schedule_stays_closed');
SELECT is((reservation.set_schedule_status(:'nobody', 'CLOSED')).outcome, 'SCHEDULE_NOT_FOUND', 'close_of_an_unknown_schedule_is_refused');
SELECT is((reservation.queue_facts(:'c1', :'s1')).body::json ->> 'seatsLeft', '92', 'queue_facts_have_the_seats_left');
SELECT is((reservation.queue_facts(:'c1', :'s1')).body::json ->> 'saleOpensAtMs', '1932807600000', 'queue_facts_have_the_opening');
SELECT is((reservation.queue_facts(NULL, :'s2')).body::jsonb - 'saleClosesAtMs', format('{"concertId":"%s","status":"CLOSED","saleOpensAtMs":0,"drawSeed":null,"seatsLeft":1}', :'c1')::jsonb,
    'queue_facts_of_any_concert_are_ok');
SELECT is((reservation.queue_facts(:'c2', :'s1')).outcome, 'SCHEDULE_NOT_FOUND', 'queue_facts_of_another_concert_are_SCHEDULE_NOT_FOUND');
SELECT is((reservation.queue_facts(:'nobody', :'s1')).outcome, 'CONCERT_NOT_FOUND', 'queue_facts_of_an_unknown_concert_are_CONCERT_NOT_FOUND');

SELECT * FROM finish();
ROLLBACK;
