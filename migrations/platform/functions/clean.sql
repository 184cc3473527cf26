-- platform.clean(limit): removes what has been kept long enough: answers to
-- idempotency keys and sent events, at most `limit` of each, the oldest first. OK
-- {"idempotency": n, "events": n}. The contract promises at least 16 days.
-- One at a time; a second one finds nothing to do.
CREATE OR REPLACE FUNCTION platform.clean(p_limit int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_before	CONSTANT timestamptz := now() - interval '16 days 1 hour';
	v_answers	int := 0;
	v_events	int := 0;
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
	END IF;
	RETURN platform.ok(format('{"idempotency":%s,"events":%s}', v_answers, v_events));
END
$$;
GRANT EXECUTE ON FUNCTION platform.clean(int) TO reservation_service;
