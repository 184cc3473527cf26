-- reservation.seat_map(schedule, if_none_match): the seat map of a schedule (GET /schedules/{scheduleId}/seats).
--   OK                   the seat map, with its ETag
--   NOT_MODIFIED         the header If-None-Match names the current ETag
--   SCHEDULE_NOT_FOUND   there is no such schedule
--
-- The ETag is the sum of all seats' change counters and the number of holds that have run out unswept. Commits only
-- raise the first number, and time only raises the second. So an equal ETag means an equal map.
--
-- `version` is the oldest transaction that was not over at this moment. The map has all earlier changes, and `?since=`
-- asks for the rest.
--
-- STABLE: all statements see the snapshot of the call. The map is built as text, which is three times as fast as the
-- JSON functions. Only the name of a section needs quoting.
CREATE OR REPLACE FUNCTION reservation.seat_map(p_schedule uuid, p_if_none_match text)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_schedule	reservation.schedules;
	v_tag		text;
	v_sections	text;
BEGIN
	SELECT * INTO v_schedule FROM reservation.schedules s WHERE s.schedule_id = p_schedule;
	IF NOT FOUND THEN
		RETURN platform.refuse('SCHEDULE_NOT_FOUND');
	END IF;

	SELECT format('W/"%s-%s"', coalesce(sum(s.changes), 0),
	    count(*) FILTER (WHERE s.status = 'HOLD' AND s.hold_expires_at <= v_now)) INTO v_tag
	FROM reservation.seats s WHERE s.schedule_id = p_schedule;

	-- The header may list several tags, weak or strong, or be * for any.
	IF p_if_none_match = '*' OR strpos(p_if_none_match, substr(v_tag, 3)) > 0 THEN
		RETURN ROW('NOT_MODIFIED', NULL, v_tag, false, NULL)::platform.reply;
	END IF;

	WITH seat_rows AS (
		SELECT s.section_no, s.row_no, '{"row":"' || s.row_label || '","seats":['
		    || string_agg('{"seatId":"' || s.seat_id || '","number":' || s.number || ',"status":"'
			|| CASE WHEN s.status = 'HOLD' AND s.hold_expires_at <= v_now THEN 'AVAILABLE' ELSE s.status END
			|| '"}', ',' ORDER BY s.number)
		    || ']}' AS json
		FROM reservation.seats s WHERE s.schedule_id = p_schedule
		GROUP BY s.section_no, s.row_no, s.row_label)
	SELECT string_agg('{"section":' || to_json(c.section) || ',"grade":"' || c.grade || '","price":' || c.price
	    || ',"rows":[' || r.json || ']}', ',' ORDER BY c.section_no) INTO v_sections
	FROM reservation.sections c
	JOIN (SELECT sr.section_no, string_agg(sr.json, ',' ORDER BY sr.row_no) AS json FROM seat_rows sr
	    GROUP BY sr.section_no) r ON r.section_no = c.section_no
	WHERE c.schedule_id = p_schedule;

	RETURN platform.ok(format('{"scheduleId":"%s","concertId":"%s","startAt":"%s","version":%s,"sections":[%s]}',
	    v_schedule.schedule_id, v_schedule.concert_id, platform.rfc3339(v_schedule.start_at),
	    pg_snapshot_xmin(pg_current_snapshot()), v_sections), NULL, v_tag);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.seat_map(uuid, text) TO reservation_service;
