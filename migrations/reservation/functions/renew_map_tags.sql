-- reservation.renew_map_tags(): for an operator, after the database went back to an earlier moment: raises the sum of change
-- counters of each schedule by 1,000,000,000, so that no seat map gets the ETag of a map that is undone. Returns the number of
-- schedules.
--
-- Only superusers call it, while no service runs, with session_replication_role = replica: otherwise the guard of the counters makes
-- each step 1. Locks one seat of each schedule.
CREATE OR REPLACE FUNCTION reservation.renew_map_tags() RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_schedules	bigint;
BEGIN
	UPDATE reservation.seats s SET changes = s.changes + 1000000000, changed_xid = pg_current_xact_id()
	FROM reservation.schedules c
	WHERE s.seat_id = (SELECT o.seat_id FROM reservation.seats o WHERE o.schedule_id = c.schedule_id
		ORDER BY o.section_no, o.row_no, o.number LIMIT 1);
	GET DIAGNOSTICS v_schedules = ROW_COUNT;
	RETURN v_schedules;
END
$$;
