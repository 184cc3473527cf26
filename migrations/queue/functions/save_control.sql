-- queue.save_control(schedule, revision, by, at_ms, mode, max_active, admit, max_waiting, ttl): saves the operators'
-- settings of a queue, as of `revision`. NULL: not set by an operator. at_ms is Unix time in milliseconds. OK; a
-- revision that is not newer than the saved one changes nothing.
CREATE OR REPLACE FUNCTION queue.save_control(
	p_schedule	uuid,
	p_revision	bigint,
	p_by		text,
	p_at_ms		bigint,
	p_mode		text,
	p_max_active	int,
	p_admit		int,
	p_max_waiting	int,
	p_ttl		int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	INSERT INTO queue.queues AS q (schedule_id, revision, updated_by, updated_at_ms, mode, max_active, admit,
	    max_waiting, ttl)
	VALUES (p_schedule, p_revision, p_by, p_at_ms, p_mode, p_max_active, p_admit, p_max_waiting, p_ttl)
	ON CONFLICT (schedule_id) DO UPDATE SET
		revision = excluded.revision, updated_by = excluded.updated_by, updated_at_ms = excluded.updated_at_ms,
		mode = excluded.mode, max_active = excluded.max_active, admit = excluded.admit,
		max_waiting = excluded.max_waiting, ttl = excluded.ttl
	WHERE q.revision < excluded.revision;
	RETURN platform.ok('{}');
END
$$;
GRANT EXECUTE ON FUNCTION queue.save_control(uuid, bigint, text, bigint, text, int, int, int, int) TO queue_service;
