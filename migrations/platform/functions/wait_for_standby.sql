-- platform.wait_for_standby(): makes the commit of this transaction wait until the synchronous standby has all that this
-- transaction has read. Without a synchronous standby it waits for nothing but the disk. For a function that tells what another
-- transaction has done, and changes nothing itself.
--
-- A commit can be visible before the standby has it: its backend was cancelled or ended while it waited, or the primary has
-- restarted. A commit that has written nothing does not wait, and an id of its own is not enough (pg_current_xact_id()): the
-- transaction must have written to the log. So this writes an empty message, about 50 bytes. It changes no row.
CREATE OR REPLACE FUNCTION platform.wait_for_standby() RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM pg_logical_emit_message(true, 'wait_for_standby', '');
END
$$;
GRANT EXECUTE ON FUNCTION platform.wait_for_standby() TO reservation_owner;
