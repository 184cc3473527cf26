-- platform.kept_answers(operation): all stored answers of the operation that have a body. For the view `invariants` of
-- a schema, which checks that each stored answer had its effect. It reads the whole table: not for a service.
CREATE OR REPLACE FUNCTION platform.kept_answers(p_operation text)
RETURNS TABLE (user_id uuid, key text, outcome text, body json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
	SELECT i.user_id, i.key, i.outcome, i.body::json FROM platform.idempotency i
	WHERE i.operation = p_operation AND i.body IS NOT NULL
$$;
GRANT EXECUTE ON FUNCTION platform.kept_answers(text) TO reservation_owner, payment_owner, point_owner;
