-- point.put_off_charge(charge, still_there): the outcome is still unknown. The next look-up is due after the pause of
-- platform.card_pause, or earlier if a webhook waits for one (point.heard_of). still_there is as in
-- payment.put_off_card. The caller has locked the user.
CREATE OR REPLACE FUNCTION point.put_off_charge(p_charge uuid, p_still_there boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	UPDATE point.charges c
	SET leased_until = NULL, tries = greatest(c.tries, 1), cancel_no = c.cancel_no + p_still_there::int,
	    due_at = least(CASE WHEN c.nudged THEN c.heard_at END, clock_timestamp() + platform.card_pause(c.tries))
	WHERE c.charge_id = p_charge;
END
$$;
