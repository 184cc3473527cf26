-- platform.idempotency_created(users, operation, keys, request_hashes, bodies, request_ids): stores the answer CREATED
-- of many requests, as platform.idempotency_end does for one. Each array has one element for each request.
-- The caller has locked the users, and platform.idempotency_kept has found no answer under these keys. Raises if a key
-- has an answer.
CREATE OR REPLACE FUNCTION platform.idempotency_created(
	p_users		uuid[],
	p_operation	text,
	p_keys		text[],
	p_request_hashes text[],
	p_bodies	text[],
	p_request_ids	text[])
RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	INSERT INTO platform.idempotency (user_id, operation, key, request_hash, outcome, body, request_id)
	SELECT a.user_id, p_operation, a.key, a.request_hash, 'CREATED', a.body, a.request_id
	FROM unnest(p_users, p_keys, p_request_hashes, p_bodies, p_request_ids) a (user_id, key, request_hash, body, request_id);
END
$$;
GRANT EXECUTE ON FUNCTION platform.idempotency_created(uuid[], text, text[], text[], text[], text[])
	TO reservation_owner, payment_owner, point_owner;
