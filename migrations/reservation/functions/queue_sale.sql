-- reservation.queue_sale(schedule): for the queue service: the state of the sale, which decides whether users may enter
-- and are admitted. It is reservation.queue_facts without seatsLeft, and reads one row. OK {concertId, status,
-- saleOpensAtMs, saleClosesAtMs, drawSeed}, or SCHEDULE_NOT_FOUND.
CREATE OR REPLACE FUNCTION reservation.queue_sale(p_schedule uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_body	text;
BEGIN
	SELECT row_to_json(f)::text INTO v_body FROM (
		SELECT s.concert_id AS "concertId",
		       reservation.schedule_status(s, clock_timestamp()) AS "status",
		       coalesce(ceil(extract(epoch FROM s.sale_opens_at) * 1000), 0)::bigint AS "saleOpensAtMs",
		       ceil(extract(epoch FROM coalesce(s.sale_closes_at, s.start_at)) * 1000)::bigint AS "saleClosesAtMs",
		       encode(s.draw_seed, 'hex') AS "drawSeed"
		FROM reservation.schedules s
		WHERE s.schedule_id = p_schedule) f;
	IF v_body IS NULL THEN
		RETURN platform.refuse('SCHEDULE_NOT_FOUND');
	END IF;
	RETURN platform.ok(v_body);
END
$$;
GRANT EXECUTE ON FUNCTION reservation.queue_sale(uuid) TO queue_service;
