-- point.put_off_charge(charge, still_there): its outcome is still not known: looked at
-- again, after the same pauses as payment.put_off_card, and still_there is as there.
CREATE OR REPLACE FUNCTION point.put_off_charge(p_charge uuid, p_still_there boolean) RETURNS void
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
BEGIN
	UPDATE point.charges c
	SET leased_until = NULL, tries = greatest(c.tries, 1), cancel_no = c.cancel_no + p_still_there::int,
	    due_at = least(CASE WHEN c.nudged THEN c.heard_at END, clock_timestamp() + CASE WHEN c.tries = 0 THEN interval '0'
		ELSE make_interval(secs => least(60, 0.5 * 2 ^ least(c.tries - 1, 10)) * (0.75 + random() / 2)) END)
	WHERE c.charge_id = p_charge;
END
$$;
