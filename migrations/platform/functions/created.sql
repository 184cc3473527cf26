-- platform.created(body [, request_id]): the reply of a call that made something (HTTP 201). `body` is the JSON text of
-- the answer.
CREATE OR REPLACE FUNCTION platform.created(p_body text, p_request_id text DEFAULT NULL)
RETURNS platform.reply
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT ROW('CREATED', p_body, NULL, false, p_request_id)::platform.reply
$$;
GRANT EXECUTE ON FUNCTION platform.created(text, text) TO reservation_owner, payment_owner, point_owner;
