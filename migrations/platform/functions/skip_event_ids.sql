-- platform.skip_event_ids(): for an operator, after the database went back to an earlier moment: the next events get ids above all
-- that consumers may have seen since that moment, so no id comes again with another content. Returns the id above which the next
-- ones are. May be repeated: each call skips 1,000,000,000 ids.
--
-- Only superusers call it, while no service runs.
CREATE OR REPLACE FUNCTION platform.skip_event_ids() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN (SELECT setval(pg_get_serial_sequence('platform.outbox', 'event_id'), s.last_value + 1000000000)
	    FROM platform.outbox_event_id_seq s);
END
$$;
