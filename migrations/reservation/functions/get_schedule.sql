-- reservation.get_schedule(schedule): one schedule (GET /schedules/{scheduleId}). OK with the Schedule, or
-- SCHEDULE_NOT_FOUND.
CREATE OR REPLACE FUNCTION reservation.get_schedule(p_schedule uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_schedule	reservation.schedules;
BEGIN
	SELECT * INTO v_schedule FROM reservation.schedules s WHERE s.schedule_id = p_schedule;
	IF NOT FOUND THEN
		RETURN platform.refuse('SCHEDULE_NOT_FOUND');
	END IF;
	RETURN platform.ok(reservation.schedule_json(v_schedule, clock_timestamp())::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.get_schedule(uuid) TO reservation_service;
