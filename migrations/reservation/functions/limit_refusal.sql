-- reservation.limit_refusal(user, schedule, seats, max_per_user, unpaid_holds_max, now, request_id): may the user hold
-- `seats` more seats of the schedule now? Outcome NULL: yes. Otherwise SEAT_LIMIT_EXCEEDED {limit, owned}, or
-- UNPAID_HOLD_LIMIT {limit} during a pause (reservation.pause_ends_at). The caller has locked the user.
CREATE OR REPLACE FUNCTION reservation.limit_refusal(
	p_user			uuid,
	p_schedule		uuid,
	p_seats			int,
	p_max_per_user		int,
	p_unpaid_holds_max	int,
	p_now			timestamptz,
	p_request_id		text)
RETURNS platform.reply
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	v_owned	int := reservation.owned_seats(p_user, p_schedule, p_now);
BEGIN
	IF v_owned + p_seats > p_max_per_user THEN
		RETURN platform.refuse('SEAT_LIMIT_EXCEEDED', format('{"limit":%s,"owned":%s}', p_max_per_user, v_owned), p_request_id);
	ELSIF reservation.pause_ends_at(p_user, p_schedule, p_unpaid_holds_max, p_now) > p_now THEN
		RETURN platform.refuse('UNPAID_HOLD_LIMIT', format('{"limit":%s}', p_unpaid_holds_max), p_request_id);
	END IF;
	RETURN NULL;
END
$$;
