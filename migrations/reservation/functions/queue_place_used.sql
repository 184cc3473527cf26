-- reservation.queue_place_used(schedule, user, place): for the queue service after a store loss, and for a hold whose
-- idempotency key has a stored answer: QUEUE_TOKEN_USED if a hold was made with this place in the schedule's queue,
-- else OK.
CREATE OR REPLACE FUNCTION reservation.queue_place_used(p_schedule uuid, p_user uuid, p_queue_seq bigint)
RETURNS platform.reply
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM FROM reservation.reservations r
	WHERE r.schedule_id = p_schedule AND r.user_id = p_user AND r.queue_seq = p_queue_seq;
	IF FOUND THEN
		RETURN platform.refuse('QUEUE_TOKEN_USED');
	END IF;
	RETURN platform.ok('{}');
END
$$;
GRANT EXECUTE ON FUNCTION reservation.queue_place_used(uuid, uuid, bigint) TO queue_service, reservation_service;
