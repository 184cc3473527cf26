-- platform.kept_answers(operation): for a schema's invariants: the answers that
-- were kept with an idempotency key and say that something was done or made, with
-- their bodies: each must have left its effect.
CREATE OR REPLACE FUNCTION platform.kept_answers(p_operation text)
RETURNS TABLE (user_id uuid, key text, outcome text, body json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
	SELECT i.user_id, i.key, i.outcome, i.body::json FROM platform.idempotency i
	WHERE i.operation = p_operation AND i.body IS NOT NULL
$$;
GRANT EXECUTE ON FUNCTION platform.kept_answers(text) TO reservation_owner, payment_owner, point_owner;
