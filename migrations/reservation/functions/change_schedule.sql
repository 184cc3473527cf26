-- reservation.change_schedule(schedule, changes): changes a schedule (PATCH /admin/schedules/{scheduleId}). `changes`
-- holds any of {status, saleClosesAt, maxPerUser}; saleClosesAt null: the sale ends at the start again. Holds stay as
-- they are.
--   OK                   the changed Schedule
--   SCHEDULE_NOT_FOUND   there is no such schedule
--   INVALID_REQUEST      {errors}: saleClosesAt does not fit the other times; nothing changes
--
-- Locks the schedule, but only against other changes: holds go on.
CREATE OR REPLACE FUNCTION reservation.change_schedule(p_schedule uuid, p_changes jsonb)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_schedule	reservation.schedules;
	v_errors	json;
BEGIN
	-- NO KEY: holds go on, because their foreign key locks only the schedule's key.
	SELECT * INTO v_schedule FROM reservation.schedules s WHERE s.schedule_id = p_schedule FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RETURN platform.refuse('SCHEDULE_NOT_FOUND');
	END IF;

	IF p_changes ? 'saleClosesAt' THEN
		v_schedule.sale_closes_at := p_changes ->> 'saleClosesAt';
		-- The caller can change only this time, so the error names it.
		IF reservation.sale_errors(v_schedule.start_at, v_schedule.end_at, v_schedule.sale_opens_at,
		    v_schedule.sale_closes_at) IS NOT NULL THEN
			v_errors := json_build_array(json_build_object('field', 'saleClosesAt', 'reason',
			    CASE WHEN v_schedule.sale_closes_at > v_schedule.end_at THEN 'must not be after endAt'
			    WHEN v_schedule.sale_closes_at IS NULL THEN 'is needed: saleOpensAt is not before startAt'
			    ELSE 'must be after saleOpensAt' END));
			RETURN platform.refuse('INVALID_REQUEST', json_build_object('errors', v_errors)::text);
		END IF;
	END IF;

	UPDATE reservation.schedules s
	SET status = coalesce(p_changes ->> 'status', s.status),
	    sale_closes_at = v_schedule.sale_closes_at,
	    max_per_user = coalesce((p_changes ->> 'maxPerUser')::int, s.max_per_user)
	WHERE s.schedule_id = p_schedule
	RETURNING s.* INTO v_schedule;

	RETURN platform.ok(reservation.schedule_json(v_schedule, clock_timestamp())::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.change_schedule(uuid, jsonb) TO reservation_service;
