-- point.resume_charge(charge, request_hash, request_id): what a repeated request is
-- told while the charge that its key began is CHARGING: IDEMPOTENCY_KEY_IN_USE while
-- the first request may still be asking the provider, afterwards ACCEPTED, and
-- the resolver is to look at it now, or one second after the last look-up began. IDEMPOTENCY_KEY_REUSED for another request.
-- The caller has locked the user.
CREATE OR REPLACE FUNCTION point.resume_charge(p_charge point.charges, p_request_hash text, p_request_id text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	IF p_charge.request_hash <> p_request_hash THEN
		RETURN platform.refuse('IDEMPOTENCY_KEY_REUSED', NULL, p_request_id);
	ELSIF p_charge.tries = 0 AND p_charge.leased_until > clock_timestamp() THEN
		RETURN platform.refuse('IDEMPOTENCY_KEY_IN_USE', NULL, p_request_id);
	END IF;

	UPDATE point.charges c SET due_at = least(c.due_at, greatest(clock_timestamp(), c.looked_at + interval '1 s'))
	WHERE c.charge_id = p_charge.charge_id;
	RETURN ROW('ACCEPTED', point.charging_json(p_charge)::text, NULL, false, p_request_id)::platform.reply;
END
$$;
