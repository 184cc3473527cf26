-- reservation.pause_ends_at(user, schedule, unpaid_holds_max, now): until when the user gets no hold of the schedule,
-- because unpaid_holds_max of the user's holds of it, or more, have ended unpaid: ten minutes after the last of them
-- ended. NULL if there are fewer, or if unpaid_holds_max is 0 (no pause). A time that has passed means: no pause now.
--
-- A hold ends unpaid when it runs out (at that time by the database's clock, swept or not), or when it is cancelled
-- before it is paid, by the user or by failed payments. The count never starts again: after the pause the user may
-- hold, and the next hold that ends unpaid begins another pause. Neither waiting for the sweeper, nor buying a ticket in
-- between, nor letting several holds end at once evades that. An operator's own cancellation of a hold, once there is
-- one, must not count here.
CREATE OR REPLACE FUNCTION reservation.pause_ends_at(p_user uuid, p_schedule uuid, p_unpaid_holds_max int, p_now timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN (
		SELECT CASE WHEN p_unpaid_holds_max > 0 AND count(*) >= p_unpaid_holds_max THEN max(e.ended) + interval '10 minutes' END
		FROM (
			(SELECT coalesce(r.cancelled_at, r.hold_expires_at) AS ended FROM reservation.reservations r
			WHERE uuid_hash_extended(r.user_id, uuid_hash_extended(r.schedule_id, 0)) = uuid_hash_extended(p_user, uuid_hash_extended(p_schedule, 0))
			  AND (r.schedule_id = p_schedule AND r.user_id = p_user) IS TRUE
			  AND (r.status = 'EXPIRED' OR r.status = 'CANCELLED' AND r.payment_id IS NULL) IS TRUE
			ORDER BY coalesce(r.cancelled_at, r.hold_expires_at) DESC LIMIT p_unpaid_holds_max)
			UNION ALL
			SELECT r.hold_expires_at FROM reservation.reservations r
			WHERE uuid_hash_extended(r.user_id, uuid_hash_extended(r.schedule_id, 0)) = uuid_hash_extended(p_user, uuid_hash_extended(p_schedule, 0))
			  AND (r.schedule_id = p_schedule AND r.user_id = p_user) IS TRUE AND (r.status IN ('HOLD', 'CONFIRMED')) IS TRUE
			  AND r.status = 'HOLD' AND r.hold_expires_at <= p_now) e);
END
$$;
