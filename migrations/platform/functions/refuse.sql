-- platform.refuse(code [, extras [, request_id]]): the reply of a call that is refused. `code` is an error code of the
-- contract, `extras` a JSON object with more members of the problem document.
-- Functions return refusals and do not raise them. An exception would roll back the stored answer and the whole batch.
CREATE OR REPLACE FUNCTION platform.refuse(p_code text, p_extras text DEFAULT NULL, p_request_id text DEFAULT NULL)
RETURNS platform.reply
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT ROW(p_code, p_extras, NULL, false, p_request_id)::platform.reply
$$;
GRANT EXECUTE ON FUNCTION platform.refuse(text, text, text) TO reservation_owner, payment_owner, point_owner;
