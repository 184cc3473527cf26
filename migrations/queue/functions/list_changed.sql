-- queue.list_changed(after, limit): the queues that an operator has changed, by schedule: OK {schedules: [id]}, at most
-- `limit` of them, after the schedule `after` (NULL: from the first).
CREATE OR REPLACE FUNCTION queue.list_changed(p_after uuid, p_limit int)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN platform.ok((SELECT json_build_object('schedules', coalesce(json_agg(c.schedule_id ORDER BY c.schedule_id), '[]'))::text
		FROM (SELECT q.schedule_id FROM queue.queues q
		      WHERE (q.revision > 0) IS TRUE AND (p_after IS NULL OR q.schedule_id > p_after)
		      ORDER BY q.schedule_id LIMIT p_limit) c));
END
$$;
GRANT EXECUTE ON FUNCTION queue.list_changed(uuid, int) TO queue_service;
