-- reservation.queue_facts(concert, schedule): for the queue service: the schedule facts. OK {concertId, status,
-- saleOpensAtMs, saleClosesAtMs, drawSeed, seatsLeft}.
--   status                    CLOSED from the end of the sale on
--   saleOpensAtMs             Unix time in milliseconds, 0 if the sale has no opening
--   saleClosesAtMs            Unix time in milliseconds
--   drawSeed                  hex; null if there is no draw
--   SCHEDULE_NOT_FOUND        there is no such schedule, or it belongs to another concert (`concert` NULL: to any)
--   CONCERT_NOT_FOUND         the concert does not exist either
-- It counts seats, so call it at most once per second. reservation.queue_sale costs less.
CREATE OR REPLACE FUNCTION reservation.queue_facts(p_concert uuid, p_schedule uuid)
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
		       encode(s.draw_seed, 'hex') AS "drawSeed",
		       (SELECT count(*) FROM reservation.seats a
			WHERE a.schedule_id = s.schedule_id AND (a.status = 'AVAILABLE') IS TRUE) +
		       (SELECT count(*) FROM reservation.seats h
			WHERE h.schedule_id = s.schedule_id AND (h.status = 'HOLD') IS TRUE
			  AND h.hold_expires_at <= clock_timestamp()) AS "seatsLeft"
		FROM reservation.schedules s
		WHERE s.schedule_id = p_schedule AND (p_concert IS NULL OR s.concert_id = p_concert)) f;
	IF v_body IS NOT NULL THEN
		RETURN platform.ok(v_body);
	END IF;
	IF p_concert IS NOT NULL AND NOT EXISTS (
		SELECT FROM reservation.concerts c WHERE c.concert_id = p_concert) THEN
		RETURN platform.refuse('CONCERT_NOT_FOUND');
	END IF;
	RETURN platform.refuse('SCHEDULE_NOT_FOUND');
END
$$;
GRANT EXECUTE ON FUNCTION reservation.queue_facts(uuid, uuid) TO queue_service;
