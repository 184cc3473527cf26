-- point.resume_charge(charge, request_hash, request_id): the answer to a repeated request while the charge that its key
-- began is CHARGING: a refusal of platform.card_resume, or ACCEPTED. ACCEPTED also makes a look-up due: now, or 1
-- second after the last one began (platform.card_nudged_at).
--
-- The caller has locked the user.
CREATE OR REPLACE FUNCTION point.resume_charge(p_charge point.charges, p_request_hash text, p_request_id text)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_reply	platform.reply := platform.card_resume(p_charge.request_hash, p_request_hash, p_charge.tries, p_charge.leased_until,
	    p_request_id);
BEGIN
	IF v_reply.outcome IS NOT NULL THEN
		RETURN v_reply;
	END IF;

	UPDATE point.charges c SET due_at = least(c.due_at, platform.card_nudged_at(c.looked_at))
	WHERE c.charge_id = p_charge.charge_id;
	RETURN ROW('ACCEPTED', point.charging_json(p_charge)::text, NULL, false, p_request_id)::platform.reply;
END
$$;
