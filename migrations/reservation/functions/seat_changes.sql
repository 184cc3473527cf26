-- reservation.seat_changes(schedule, since): OK with {version, changed: [{seatId,
-- status}]}: every seat that may differ from the map of that version, never one
-- too few, perhaps one too many. SCHEDULE_NOT_FOUND.
--
-- Transactions don't commit in the order of their ids. So a version is the
-- oldest id that was not over yet (see seat_map), and everything from it on is
-- answered, also what was seen already. Holds that have run out are added: no
-- write marks that moment. A version from the future is of another database (one
-- put back from a backup, say): then everything is answered.
CREATE OR REPLACE FUNCTION reservation.seat_changes(p_schedule uuid, p_since bigint)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now		timestamptz := clock_timestamp();
	v_version	bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
	v_since		xid8;
	v_changed	text;
BEGIN
	PERFORM FROM reservation.schedules s WHERE s.schedule_id = p_schedule;
	IF NOT FOUND THEN
		RETURN platform.refuse('SCHEDULE_NOT_FOUND');
	END IF;

	v_since := (CASE WHEN p_since > v_version THEN 0 ELSE p_since END)::text::xid8;
	SELECT string_agg('{"seatId":"' || s.seat_id || '","status":"' || s.status || '"}', ',') INTO v_changed FROM (
		SELECT c.seat_id,
		       CASE WHEN c.status = 'HOLD' AND c.hold_expires_at <= v_now THEN 'AVAILABLE' ELSE c.status END AS status
		FROM reservation.seats c WHERE c.schedule_id = p_schedule AND c.changed_xid >= v_since
		UNION ALL
		SELECT h.seat_id, 'AVAILABLE'
		FROM reservation.seats h
		WHERE h.schedule_id = p_schedule AND (h.status = 'HOLD') IS TRUE AND h.hold_expires_at <= v_now
		  AND (h.changed_xid < v_since) IS TRUE) s;

	RETURN platform.ok(format('{"version":%s,"changed":[%s]}', v_version, v_changed));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.seat_changes(uuid, bigint) TO reservation_service;
