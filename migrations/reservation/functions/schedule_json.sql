-- reservation.schedule_json(schedule, now, remaining): a schedule as the contract's Schedule. It is CLOSED from the end
-- of its sale on. With a draw it also has preQueue, the hash of the seed, and, from the opening on, the seed.
CREATE OR REPLACE FUNCTION reservation.schedule_json(p_schedule reservation.schedules, p_now timestamptz, p_remaining json)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	v_schedule	json;
BEGIN
	v_schedule := (
		SELECT row_to_json(s) FROM (
			SELECT (p_schedule).schedule_id AS "scheduleId",
			       (p_schedule).concert_id AS "concertId",
			       platform.rfc3339((p_schedule).start_at) AS "startAt",
			       platform.rfc3339((p_schedule).end_at) AS "endAt",
			       reservation.schedule_status(p_schedule, p_now) AS "status",
			       platform.rfc3339((p_schedule).sale_opens_at) AS "saleOpensAt",
			       platform.rfc3339(coalesce((p_schedule).sale_closes_at, (p_schedule).start_at)) AS "saleClosesAt",
			       (p_schedule).max_per_user AS "maxPerUser",
			       (SELECT coalesce(sum(c.rows::bigint * c.seats_per_row), 0)::bigint FROM reservation.sections c
				WHERE c.schedule_id = (p_schedule).schedule_id) AS "totalSeats",
			       p_remaining AS "remaining") s);
	IF (p_schedule).pre_queue = 'DRAW' THEN
		RETURN rtrim(v_schedule::text, '}') || format(',"preQueue":"DRAW","drawCommitment":"%s","drawSeed":%s}',
		    encode(sha256((p_schedule).draw_seed), 'hex'),
		    CASE WHEN (p_schedule).sale_opens_at <= p_now THEN format('"%s"', encode((p_schedule).draw_seed, 'hex'))
		    ELSE 'null' END);
	END IF;
	RETURN v_schedule;
END
$$;

-- The same with reservation.remaining, which counts the seats.
CREATE OR REPLACE FUNCTION reservation.schedule_json(p_schedule reservation.schedules, p_now timestamptz)
RETURNS json
LANGUAGE plpgsql STABLE
AS $$
BEGIN
	RETURN reservation.schedule_json(p_schedule, p_now, reservation.remaining((p_schedule).schedule_id, p_now));
END
$$;
