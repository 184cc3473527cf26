-- queue.load(schedule): the recovery state of a schedule's queue. OK {epoch, last, admittedTo, ended, revision,
-- updatedBy, updatedAtMs, mode, maxActive, admit, maxWaiting, ttl}; `epoch` is the store generation. A queue that was
-- never saved has 0, '' and null.
CREATE OR REPLACE FUNCTION queue.load(p_schedule uuid)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN platform.ok((SELECT row_to_json(r)::text FROM (
		SELECT coalesce(q.epoch, 0) AS "epoch", coalesce(q.last_seq, 0) AS "last",
		       coalesce(q.admitted_to, 0) AS "admittedTo", coalesce(q.ended, 0) AS "ended",
		       coalesce(q.revision, 0) AS "revision", coalesce(q.updated_by, '') AS "updatedBy",
		       coalesce(q.updated_at_ms, 0) AS "updatedAtMs", q.mode AS "mode",
		       q.max_active AS "maxActive", q.admit AS "admit", q.max_waiting AS "maxWaiting", q.ttl AS "ttl"
		FROM (VALUES (p_schedule)) s (schedule_id) LEFT JOIN queue.queues q USING (schedule_id)) r));
END
$$;
GRANT EXECUTE ON FUNCTION queue.load(uuid) TO queue_service;
