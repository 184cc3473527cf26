-- platform.clean(limit): removes answers to idempotency keys and sent events that are
-- older than 16 days and an hour, at most `limit` of each, the oldest first. The
-- contract promises at least 16 days. OK {"idempotency": n, "events": n, "left": n}:
-- how many it removed. `left` is absent if it is 0; it counts, up to 10,000, the old
-- answers that are still there.
-- Any worker of any service calls it. One caller at a time has the lock; another one
-- gets zeros at once.
CREATE OR REPLACE FUNCTION platform.clean(p_limit int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_before	CONSTANT timestamptz := now() - interval '16 days 1 hour';
	v_answers	int := 0;
	v_events	int := 0;
	v_left		bigint;
BEGIN
	IF pg_try_advisory_xact_lock(hashtextextended('platform.clean', 0)) THEN
		DELETE FROM platform.idempotency i
		WHERE i.ctid = ANY (ARRAY(
			SELECT o.ctid FROM platform.idempotency o WHERE o.created_at < v_before
			ORDER BY o.created_at LIMIT p_limit))
		  AND i.created_at < v_before;
		GET DIAGNOSTICS v_answers = ROW_COUNT;

		DELETE FROM platform.events e
		WHERE e.event_id = ANY (ARRAY(SELECT o.event_id FROM platform.events o ORDER BY o.event_id LIMIT p_limit))
		  AND e.sent_at < v_before;
		GET DIAGNOSTICS v_events = ROW_COUNT;

		SELECT nullif(count(*), 0) INTO v_left FROM (
			SELECT FROM platform.idempotency i WHERE i.created_at < v_before LIMIT 10000) l;
	END IF;
	RETURN platform.ok(concat('{"idempotency":', v_answers, ',"events":', v_events, ',"left":' || v_left, '}'));
END
$$;
GRANT EXECUTE ON FUNCTION platform.clean(int) TO queue_service, reservation_service, payment_service, point_service;
