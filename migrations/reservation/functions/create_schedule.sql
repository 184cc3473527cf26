-- reservation.create_schedule(concert, start, end, sale opens, sale closes, status, max per user, sections, pre-queue):
-- begin_schedule and make_seats in one statement. CREATED with the Schedule and all its seats, or a refusal of
-- begin_schedule.
--
-- Only instances of the release before call it. A large hall takes seconds, which may exceed the time limit of a
-- statement. Dropped in the next release.
CREATE OR REPLACE FUNCTION reservation.create_schedule(
	p_concert	uuid,
	p_start_at	timestamptz,
	p_end_at	timestamptz,
	p_sale_opens_at	timestamptz,
	p_sale_closes_at timestamptz,
	p_status	text,
	p_max_per_user	int,
	p_sections	json,
	p_pre_queue	text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_reply	platform.reply := reservation.begin_schedule(p_concert, p_start_at, p_end_at, p_sale_opens_at, p_sale_closes_at,
	    p_status, p_max_per_user, p_sections, p_pre_queue);
BEGIN
	WHILE v_reply.outcome = 'MORE' LOOP
		v_reply := reservation.make_seats(v_reply.body);
	END LOOP;
	RETURN v_reply;
END
$$;
GRANT EXECUTE ON FUNCTION reservation.create_schedule(uuid, timestamptz, timestamptz, timestamptz, timestamptz, text, int,
	json, text) TO reservation_service;

-- The signature without end of sale and limit per user, for older instances. Dropped in the next release.
CREATE OR REPLACE FUNCTION reservation.create_schedule(
	p_concert	uuid,
	p_start_at	timestamptz,
	p_end_at	timestamptz,
	p_sale_opens_at	timestamptz,
	p_status	text,
	p_sections	json,
	p_pre_queue	text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN reservation.create_schedule(p_concert, p_start_at, p_end_at, p_sale_opens_at, NULL, p_status, 4, p_sections,
	    p_pre_queue);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.create_schedule(uuid, timestamptz, timestamptz, timestamptz, text, json, text)
	TO reservation_service;

-- The signature without the draw, for older instances. Dropped in the next release.
CREATE OR REPLACE FUNCTION reservation.create_schedule(
	p_concert	uuid,
	p_start_at	timestamptz,
	p_end_at	timestamptz,
	p_sale_opens_at	timestamptz,
	p_status	text,
	p_sections	json)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN reservation.create_schedule(p_concert, p_start_at, p_end_at, p_sale_opens_at, p_status, p_sections, 'ARRIVAL');
END
$$;
GRANT EXECUTE ON FUNCTION reservation.create_schedule(uuid, timestamptz, timestamptz, timestamptz, text, json)
	TO reservation_service;
