-- reservation.queue_titles(schedules): for the queue service: what operators call these schedules. OK {schedules:
-- [{scheduleId, concertTitle, startAt}]}, without those that do not exist, in any order.
CREATE OR REPLACE FUNCTION reservation.queue_titles(p_schedules uuid[])
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN platform.ok((SELECT json_build_object('schedules', coalesce(json_agg(row_to_json(t)), '[]'))::text FROM (
		SELECT s.schedule_id AS "scheduleId", c.title AS "concertTitle", platform.rfc3339(s.start_at) AS "startAt"
		FROM reservation.schedules s JOIN reservation.concerts c ON c.concert_id = s.concert_id
		WHERE s.schedule_id = ANY (p_schedules)) t));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.queue_titles(uuid[]) TO queue_service;
