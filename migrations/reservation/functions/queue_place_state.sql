-- reservation.queue_place_state(schedule, user, place): for the queue service, after a store loss: the state of a place
-- in the schedule's queue, as the holds show it.
--   QUEUE_TOKEN_USED      a hold was made with this place
--   QUEUE_TOKEN_EXPIRED   the user made a hold with a later place. A user has one place at a time, so this one had
--                         ended before
--   OK                    the holds say nothing against the place
-- The caller notes the first two in Redis, which cannot take them back. So these answers wait for the synchronous standby
-- (platform.wait_for_standby).
-- reservation.queue_place_used is for callers that ask only about the place itself.
CREATE OR REPLACE FUNCTION reservation.queue_place_state(p_schedule uuid, p_user uuid, p_queue_seq bigint)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_first	bigint;
BEGIN
	SELECT r.queue_seq INTO v_first FROM reservation.reservations r
	WHERE r.schedule_id = p_schedule AND r.user_id = p_user AND r.queue_seq >= p_queue_seq
	ORDER BY r.queue_seq LIMIT 1;
	IF v_first IS NOT NULL THEN
		PERFORM platform.wait_for_standby();
	END IF;
	IF v_first = p_queue_seq THEN
		RETURN platform.refuse('QUEUE_TOKEN_USED');
	ELSIF v_first IS NOT NULL THEN
		RETURN platform.refuse('QUEUE_TOKEN_EXPIRED');
	END IF;
	RETURN platform.ok('{}');
END
$$;
GRANT EXECUTE ON FUNCTION reservation.queue_place_state(uuid, uuid, bigint) TO queue_service;
