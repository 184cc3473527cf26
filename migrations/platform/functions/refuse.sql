-- platform.refuse(code [, extras [, request_id]]): the reply of a call that is
-- refused. `code` is an error code of the contract, `extras` the further
-- members of the problem document (a JSON object). Refusals are returned, never
-- raised: an exception would undo the idempotency row, and a whole batch.
CREATE OR REPLACE FUNCTION platform.refuse(p_code text, p_extras text DEFAULT NULL, p_request_id text DEFAULT NULL)
RETURNS platform.reply
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT ROW(p_code, p_extras, NULL, false, p_request_id)::platform.reply
$$;
GRANT EXECUTE ON FUNCTION platform.refuse(text, text, text) TO reservation_owner, payment_owner, point_owner;
