-- point.confirm_again(user, charge, timeout_ms): for the resolver, after the provider has said that it captured no
-- money for a CHARGING charge. May the service send the confirm again, with the same key? timeout_ms is the time limit
-- of the call, in milliseconds.
--   BEGUN   yes; the provider's answer goes to point.settle_charge
--   other   no: the charge is settled, or so old that the provider has forgotten it. This is the answer of
--           point.settle_charge to ABSENT
--
-- Locks the user.
CREATE OR REPLACE FUNCTION point.confirm_again(p_user uuid, p_charge uuid, p_timeout_ms int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz;
BEGIN
	PERFORM platform.lock_user(p_user);
	v_now := clock_timestamp();
	UPDATE point.charges c SET leased_until = platform.card_lease(v_now, p_timeout_ms)
	WHERE c.charge_id = p_charge AND c.user_id = p_user AND c.status = 'CHARGING'
	  AND c.created_at > v_now - platform.card_forgotten_after();
	IF FOUND THEN
		RETURN ROW('BEGUN', NULL, NULL, false, NULL)::platform.reply;
	END IF;
	RETURN point.settle_charge(p_user, p_charge, 'ABSENT', NULL);
END
$$;
GRANT EXECUTE ON FUNCTION point.confirm_again(uuid, uuid, int) TO point_service;
