-- reservation.list_schedules(concert, from, to, status): the schedules of a concert by start (GET /schedules). OK
-- {concertId, schedules: [Schedule]}, or CONCERT_NOT_FOUND. from and to are days in Seoul, both included; NULL: no
-- bound. `status` is ON_SALE (also if NULL), CLOSED or ALL, by the shown status: after the end of its sale a schedule
-- is CLOSED.
CREATE OR REPLACE FUNCTION reservation.list_schedules(p_concert uuid, p_date_from date, p_date_to date, p_status text)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_schedules	json;
BEGIN
	PERFORM FROM reservation.concerts c WHERE c.concert_id = p_concert;
	IF NOT FOUND THEN
		RETURN platform.refuse('CONCERT_NOT_FOUND');
	END IF;

	SELECT coalesce(json_agg(reservation.schedule_json(s, v_now) ORDER BY s.start_at, s.schedule_id), '[]') INTO v_schedules
	FROM reservation.schedules s
	WHERE s.concert_id = p_concert
	  AND (p_date_from IS NULL OR s.start_at >= p_date_from::timestamp AT TIME ZONE 'Asia/Seoul')
	  AND (p_date_to IS NULL OR s.start_at < (p_date_to + 1)::timestamp AT TIME ZONE 'Asia/Seoul')
	  AND (p_status = 'ALL' OR reservation.schedule_status(s, v_now) = coalesce(p_status, 'ON_SALE'));

	RETURN platform.ok((SELECT row_to_json(l)::text FROM (
	    SELECT p_concert AS "concertId", v_schedules AS "schedules") l));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.list_schedules(uuid, date, date, text) TO reservation_service;
