-- queue.save_progress(schedule, epoch, last, admitted_to, ended): saves how far a queue has come; `epoch` is the store
-- generation. Many workers save in any order: an older generation is ignored, and `last` and `admitted_to` never go
-- back. `ended` may go back, because users who return after a store loss have their turn again. OK.
CREATE OR REPLACE FUNCTION queue.save_progress(
	p_schedule	uuid,
	p_epoch		bigint,
	p_last		bigint,
	p_admitted_to	bigint,
	p_ended		bigint)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	INSERT INTO queue.queues AS q (schedule_id, epoch, last_seq, admitted_to, ended)
	VALUES (p_schedule, p_epoch, p_last, p_admitted_to, p_ended)
	ON CONFLICT (schedule_id) DO UPDATE SET
		epoch = excluded.epoch,
		last_seq = greatest(q.last_seq, excluded.last_seq),
		admitted_to = greatest(q.admitted_to, excluded.admitted_to),
		ended = excluded.ended
	WHERE q.epoch <= excluded.epoch;
	RETURN platform.ok('{}');
END
$$;
GRANT EXECUTE ON FUNCTION queue.save_progress(uuid, bigint, bigint, bigint, bigint) TO queue_service;
