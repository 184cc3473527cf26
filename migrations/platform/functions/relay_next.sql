-- platform.relay_next(holder, sent, entry, limit, lease_ms): one step of the relay,
-- which moves events from the outbox to the stream. `holder` names the worker that
-- calls. `sent` has the ids of an earlier answer, or is NULL: these events are in the
-- stream now and leave the outbox. `entry` is the newest entry of the stream. OK with
--   {leading: false}      another worker has the lease; nothing was done
--   {leading: true, entry, backlog, lagMs, ids, events: [{id, type, key, at, data}]}
-- for at most `limit` events, in the order in which the worker must send them.
-- `entry` is the newest entry that the stream has had, NULL if it is not known.
-- `backlog` counts the events that wait, up to 10,000. `lagMs` is the age of the oldest.
--
-- One worker at a time has the lease. It lasts lease_ms, and each call of its holder
-- renews it. If the holder stops between two steps, the next holder sends the events of
-- the last step again, and no others.
--
-- Order: by id, of all events that are committed at this moment. An event that commits
-- later is sent later, even if its id is lower. A transaction that has seen another
-- event committed gives its own event a higher id, and no call returns the later event
-- without the earlier one. So an event comes after all events that it may depend on.
-- The relay never waits for an open transaction. An answer with events waits for the synchronous standby
-- (platform.wait_for_standby), so that other systems hear of no change that a failover takes back.
CREATE OR REPLACE FUNCTION platform.relay_next(
	p_holder	text,
	p_sent		bigint[],
	p_entry		text,
	p_limit		int,
	p_lease_ms	int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_relay		platform.relay;
	v_oldest	timestamptz;
	v_reply		platform.reply;
BEGIN
	SELECT * INTO STRICT v_relay FROM platform.relay;
	IF v_relay.holder IS DISTINCT FROM p_holder AND v_relay.leased_until > v_now THEN
		RETURN platform.ok('{"leading":false}');
	END IF;
	-- Renew the lease when half of it is over, not at each step. The UPDATE checks it again under the row lock.
	IF v_relay.holder IS DISTINCT FROM p_holder OR p_entry IS NOT NULL
	    OR v_relay.leased_until < v_now + make_interval(secs => p_lease_ms / 2000.0) THEN
		UPDATE platform.relay r
		SET holder = p_holder, leased_until = v_now + make_interval(secs => p_lease_ms / 1000.0),
		    entry = coalesce(p_entry, r.entry)
		WHERE r.holder IS NOT DISTINCT FROM p_holder OR r.leased_until IS NULL OR r.leased_until <= v_now
		RETURNING * INTO v_relay;
		IF NOT FOUND THEN
			RETURN platform.ok('{"leading":false}');
		END IF;
	END IF;

	IF p_sent IS NOT NULL THEN
		WITH sent AS (
			DELETE FROM platform.outbox o WHERE o.event_id = ANY (p_sent) RETURNING o.*)
		INSERT INTO platform.events (event_id, type, key, data, at, sent_at)
		SELECT s.event_id, s.type, s.key, s.data, s.at, v_now FROM sent s
		ON CONFLICT (event_id) DO NOTHING;
	END IF;

	SELECT o.at INTO v_oldest FROM platform.outbox o ORDER BY o.event_id LIMIT 1;
	v_reply := platform.ok((
		SELECT row_to_json(r)::text FROM (
			SELECT true AS "leading", v_relay.entry AS "entry",
			       (SELECT count(*) FROM (SELECT FROM platform.outbox LIMIT 10000) b) AS "backlog",
			       coalesce(greatest(0, floor(extract(epoch FROM v_now - v_oldest) * 1000))::bigint, 0) AS "lagMs",
			       coalesce(array_agg(e.event_id ORDER BY e.event_id), '{}')::text AS "ids",
			       coalesce(json_agg(json_build_object('id', e.event_id::text, 'type', e.type, 'key', e.key,
				   'at', platform.rfc3339(e.at), 'data', e.data::text) ORDER BY e.event_id), '[]') AS "events"
			FROM (SELECT * FROM platform.outbox o ORDER BY o.event_id LIMIT p_limit) e) r));
	IF v_oldest IS NOT NULL THEN
		PERFORM platform.wait_for_standby();
	END IF;
	RETURN v_reply;
END
$$;
GRANT EXECUTE ON FUNCTION platform.relay_next(text, bigint[], text, int, int)
	TO queue_service, reservation_service, payment_service, point_service;
