-- platform.newest_event_id(): the highest id of an event that is here, sent or not; 0: none. After the database went back to an
-- earlier moment, the stream's events with higher ids are undone. Only superusers call it.
CREATE OR REPLACE FUNCTION platform.newest_event_id() RETURNS bigint
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN greatest((SELECT max(o.event_id) FROM platform.outbox o), (SELECT max(e.event_id) FROM platform.events e), 0);
END
$$;
