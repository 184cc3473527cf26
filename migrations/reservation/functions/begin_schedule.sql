-- reservation.begin_schedule(concert, start, end, sale opens, sale closes, status, max per user, sections, pre-queue):
-- makes a Schedule and its sections, without seats (POST /admin/concerts/{concertId}/schedules). reservation.make_seats makes the seats, in
-- the same transaction.
--   MORE                `body` is the progress for the first reservation.make_seats
--   CONCERT_NOT_FOUND   nothing is made
--   INVALID_REQUEST     {errors}: nothing is made
-- `sale opens` NULL: the sale is open from now on. `sale closes` NULL: it ends at the start. `sections` is [{section,
-- grade, price, rows, seatsPerRow}], prices in KRW. pre-queue is ARRIVAL (also if NULL) or DRAW.
--
-- The transaction commits only with all seats (reservation.check_schedule), so no reader sees a schedule without them.
CREATE OR REPLACE FUNCTION reservation.begin_schedule(
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
	v_schedule	uuid;
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
	RETURNING schedule_id INTO v_schedule;

	INSERT INTO reservation.sections (schedule_id, section_no, section, grade, price, rows, seats_per_row)
	SELECT v_schedule, s.n, s.section, s.grade, s.price, s.rows, s."seatsPerRow"
	FROM ROWS FROM (json_to_recordset(p_sections)
	    AS (section text, grade text, price bigint, rows int, "seatsPerRow" int))
	    WITH ORDINALITY s (section, grade, price, rows, "seatsPerRow", n);

	RETURN ROW('MORE', v_schedule || ' 0', NULL, false, NULL)::platform.reply;
END
$$;
GRANT EXECUTE ON FUNCTION reservation.begin_schedule(uuid, timestamptz, timestamptz, timestamptz, timestamptz, text, int,
	json, text) TO reservation_service;
