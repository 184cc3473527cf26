-- platform.ok(body [, request_id [, etag]]): the reply of a call that succeeded (HTTP 200). `body` is the JSON text of
-- the answer.
CREATE OR REPLACE FUNCTION platform.ok(p_body text, p_request_id text DEFAULT NULL, p_etag text DEFAULT NULL)
RETURNS platform.reply
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT ROW('OK', p_body, p_etag, false, p_request_id)::platform.reply
$$;
GRANT EXECUTE ON FUNCTION platform.ok(text, text, text) TO reservation_owner, payment_owner, point_owner, queue_owner;
