-- platform.relay_lost(holder, limit): for a stream that has lost its end or all of its
-- entries. Moves the events that were sent within the last hour back to the outbox, the
-- newest first, at most `limit` in a call. Consumers recognize repeated events by their
-- ids. OK {"again": n}, the number of events. If n is less than `limit`, these were all,
-- and the relay may write to the stream again. A caller without the lease gets 0.
CREATE OR REPLACE FUNCTION platform.relay_lost(p_holder text, p_limit int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_again	int;
BEGIN
	PERFORM FROM platform.relay r WHERE r.holder = p_holder AND r.leased_until > clock_timestamp() FOR UPDATE;
	IF NOT FOUND THEN
		RETURN platform.ok('{"again":0}');
	END IF;

	WITH last AS (
		SELECT e.event_id FROM platform.events e ORDER BY e.event_id DESC LIMIT p_limit),
	back AS (
		DELETE FROM platform.events e USING last l
		WHERE e.event_id = l.event_id AND e.sent_at > clock_timestamp() - interval '1 hour'
		RETURNING e.*)
	INSERT INTO platform.outbox (event_id, type, key, data, at)
	SELECT b.event_id, b.type, b.key, b.data, b.at FROM back b;
	GET DIAGNOSTICS v_again = ROW_COUNT;

	IF v_again < p_limit THEN
		UPDATE platform.relay r SET entry = NULL WHERE r.holder = p_holder;
	END IF;
	RETURN platform.ok(format('{"again":%s}', v_again));
END
$$;
GRANT EXECUTE ON FUNCTION platform.relay_lost(text, int) TO queue_service, reservation_service, payment_service, point_service;
