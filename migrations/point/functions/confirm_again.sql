-- point.confirm_again(user, charge, timeout_ms): for the resolver, which has just been
-- told that the provider knows of no money captured for a CHARGING charge. May the
-- confirm be sent again, with the same key?
--   BEGUN   yes; what comes back goes to point.settle_charge
-- and what point.settle_charge says of ABSENT: no, it is settled meanwhile, or so old that
-- the provider has forgotten it.
CREATE OR REPLACE FUNCTION point.confirm_again(p_user uuid, p_charge uuid, p_timeout_ms int)
RETURNS platform.reply
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
DECLARE
	v_now	timestamptz;
BEGIN
	PERFORM platform.lock_user(p_user);
	v_now := clock_timestamp();
	UPDATE point.charges c SET leased_until = v_now + make_interval(secs => p_timeout_ms / 1000.0 + 5)
	WHERE c.charge_id = p_charge AND c.user_id = p_user AND c.status = 'CHARGING'
	  AND c.created_at > v_now - point.forgotten_after();
	IF FOUND THEN
		RETURN ROW('BEGUN', NULL, NULL, false, NULL)::platform.reply;
	END IF;
	RETURN point.settle_charge(p_user, p_charge, 'ABSENT', NULL);
END
$$;
GRANT EXECUTE ON FUNCTION point.confirm_again(uuid, uuid, int) TO point_service;
