-- reservation.create_schedule(concert, start, end, sale opens, sale closes, status, max per user, sections, pre-queue):
-- CREATED with the Schedule, and all its seats are there. CONCERT_NOT_FOUND, or INVALID_REQUEST with {errors}.
-- `sale opens` NULL: sold from now on; `sale closes` NULL: until the start. `sections` is
-- [{section, grade, price, rows, seatsPerRow}]; pre-queue is ARRIVAL (also if NULL) or DRAW.
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
	v_errors	jsonb;
	v_schedule	reservation.schedules;
BEGIN
	v_errors := coalesce(reservation.sale_errors(p_start_at, p_end_at, p_sale_opens_at, p_sale_closes_at)::jsonb, '[]')
	    || CASE WHEN p_pre_queue = 'DRAW' AND p_sale_opens_at IS NULL
		THEN '[{"field":"preQueue","reason":"DRAW needs saleOpensAt"}]' ELSE '[]' END::jsonb
	    || coalesce(reservation.section_errors(p_sections)::jsonb, '[]');
	IF v_errors <> '[]' THEN
		RETURN platform.refuse('INVALID_REQUEST', json_build_object('errors', v_errors)::text);
	END IF;

	PERFORM FROM reservation.concerts c WHERE c.concert_id = p_concert;
	IF NOT FOUND THEN
		RETURN platform.refuse('CONCERT_NOT_FOUND');
	END IF;

	INSERT INTO reservation.schedules (schedule_id, concert_id, start_at, end_at, status, sale_opens_at,
	    sale_closes_at, max_per_user, pre_queue, draw_seed)
	VALUES (platform.uuid_v7(), p_concert, p_start_at, p_end_at, p_status, p_sale_opens_at,
	    p_sale_closes_at, p_max_per_user, coalesce(p_pre_queue, 'ARRIVAL'),
	    CASE p_pre_queue WHEN 'DRAW' THEN sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) END)
	RETURNING * INTO v_schedule;

	INSERT INTO reservation.sections (schedule_id, section_no, section, grade, price, rows, seats_per_row)
	SELECT v_schedule.schedule_id, s.n, s.section, s.grade, s.price, s.rows, s."seatsPerRow"
	FROM ROWS FROM (json_to_recordset(p_sections)
	    AS (section text, grade text, price bigint, rows int, "seatsPerRow" int))
	    WITH ORDINALITY s (section, grade, price, rows, "seatsPerRow", n);

	INSERT INTO reservation.seats (seat_id, schedule_id, section_no, row_no, number, section, row_label, grade, price)
	SELECT platform.uuid_v7(), s.schedule_id, s.section_no, r.row_no, n.number, s.section, r.label, s.grade, s.price
	FROM reservation.sections s
	CROSS JOIN LATERAL (SELECT g.row_no, reservation.row_label(g.row_no) AS label FROM generate_series(1, s.rows) g (row_no)) r
	CROSS JOIN LATERAL generate_series(1, s.seats_per_row) n (number)
	WHERE s.schedule_id = v_schedule.schedule_id
	ORDER BY s.section_no, r.row_no, n.number;

	RETURN platform.created(reservation.schedule_json(v_schedule, clock_timestamp())::text);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.create_schedule(uuid, timestamptz, timestamptz, timestamptz, timestamptz, text, int,
	json, text) TO reservation_service;

-- The signature that instances of the release before call: no end of sale, no limit per user.
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

-- As instances of before the draw call it.
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
