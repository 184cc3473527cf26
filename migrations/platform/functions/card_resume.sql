-- platform.card_resume(kept_hash, request_hash, tries, leased_until, request_id): the refusal of a repeated request while the
-- payment or charge that its idempotency key began is open. kept_hash, tries and leased_until are those of its row.
--   IDEMPOTENCY_KEY_REUSED   this is another request than the first one
--   IDEMPOTENCY_KEY_IN_USE   the first request may still be calling the provider: no look-up has begun, and its lease lasts
--   NULL                     no refusal: the caller answers ACCEPTED
CREATE OR REPLACE FUNCTION platform.card_resume(
	p_kept_hash	text,
	p_request_hash	text,
	p_tries		int,
	p_leased_until	timestamptz,
	p_request_id	text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	IF p_kept_hash <> p_request_hash THEN
		RETURN platform.refuse('IDEMPOTENCY_KEY_REUSED', NULL, p_request_id);
	ELSIF p_tries = 0 AND p_leased_until > clock_timestamp() THEN
		RETURN platform.refuse('IDEMPOTENCY_KEY_IN_USE', NULL, p_request_id);
	END IF;
	RETURN NULL;
END
$$;
GRANT EXECUTE ON FUNCTION platform.card_resume(text, text, int, timestamptz, text) TO payment_owner, point_owner;
