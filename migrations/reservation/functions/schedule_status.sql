-- reservation.schedule_status(schedule, now): ON_SALE or CLOSED, as all answers show it. From sale_closes_at (NULL: the
-- start of the concert) on it is CLOSED, even while the stored status is ON_SALE.
CREATE OR REPLACE FUNCTION reservation.schedule_status(p_schedule reservation.schedules, p_now timestamptz)
RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN CASE WHEN coalesce((p_schedule).sale_closes_at, (p_schedule).start_at) <= p_now THEN 'CLOSED'
	    ELSE (p_schedule).status END;
END
$$;
