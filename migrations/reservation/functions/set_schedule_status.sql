-- reservation.set_schedule_status(schedule, status): sets ON_SALE or CLOSED. Only instances of the release before
-- reservation.change_schedule call it. OK with the Schedule, or SCHEDULE_NOT_FOUND. Live holds stay.
CREATE OR REPLACE FUNCTION reservation.set_schedule_status(p_schedule uuid, p_status text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_schedule	reservation.schedules;
BEGIN
	UPDATE reservation.schedules s SET status = p_status WHERE s.schedule_id = p_schedule RETURNING s.* INTO v_schedule;
	IF NOT FOUND THEN
		RETURN platform.refuse('SCHEDULE_NOT_FOUND');
	END IF;
	RETURN platform.ok(reservation.schedule_json(v_schedule, clock_timestamp())::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.set_schedule_status(uuid, text) TO reservation_service;
