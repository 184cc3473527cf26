-- reservation.seat_changes(schedule, since): the changes of a seat map (GET /schedules/{scheduleId}/seats?since=). OK
-- {version, changed: [{seatId, status}]}, or SCHEDULE_NOT_FOUND. `changed` has every seat that differs from the map of
-- version `since`, and perhaps some that do not.
--
-- Transactions do not commit in the order of their ids. So a version is the oldest transaction id that was not over yet
-- (reservation.seat_map), and the answer has all changes from that id on, even those that the client has seen. Holds
-- that have run out since are added, because no write marks that moment. A `since` from the future belongs to another
-- database, for example one before a restore; then the answer has all seats.
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
