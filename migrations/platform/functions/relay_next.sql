-- platform.relay_next(holder, sent, entry, limit, lease_ms): one step of the relay
-- that moves events from the outbox to the stream. `holder` names who asks. Events
-- `sent` (NULL or ids, as this function gave them) are in the stream, whose newest
-- entry is now `entry`: they leave the outbox. Then OK with
--   {leading: false}      somebody else is the relay now; nothing was done
--   {leading: true, entry, backlog, lagMs, ids, events: [{id, type, key, at, data}]}
-- for at most `limit` events, in the order in which they are to be sent. `entry` is
-- the newest that the stream has had, NULL if it is not known; `backlog` how many wait,
-- counted up to 10,000; `lagMs` since when the oldest does.
--
-- The relay is whoever has the lease; it lasts lease_ms and is renewed by asking.
-- A relay that stops between two steps has at worst sent what the next one
-- sends again.
--
-- The order: by id among all that are committed at this moment. One that
-- commits later is sent later, though its id be lower; and what was written by
-- somebody who saw another event's transaction committed has the higher id, and is
-- never seen here without it. So an event comes after all those it may
-- depend on. Nothing waits for a transaction that is still open.
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
BEGIN
	SELECT * INTO STRICT v_relay FROM platform.relay;
	IF v_relay.holder IS DISTINCT FROM p_holder AND v_relay.leased_until > v_now THEN
		RETURN platform.ok('{"leading":false}');
	END IF;
	-- Renewed in good time, not at each step; asked again under the lock.
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
	RETURN platform.ok((
		SELECT row_to_json(r)::text FROM (
			SELECT true AS "leading", v_relay.entry AS "entry",
			       (SELECT count(*) FROM (SELECT FROM platform.outbox LIMIT 10000) b) AS "backlog",
			       coalesce(greatest(0, floor(extract(epoch FROM v_now - v_oldest) * 1000))::bigint, 0) AS "lagMs",
			       coalesce(array_agg(e.event_id ORDER BY e.event_id), '{}')::text AS "ids",
			       coalesce(json_agg(json_build_object('id', e.event_id::text, 'type', e.type, 'key', e.key,
				   'at', platform.rfc3339(e.at), 'data', e.data::text) ORDER BY e.event_id), '[]') AS "events"
			FROM (SELECT * FROM platform.outbox o ORDER BY o.event_id LIMIT p_limit) e) r));
END
$$;
GRANT EXECUTE ON FUNCTION platform.relay_next(text, bigint[], text, int, int) TO reservation_service;
