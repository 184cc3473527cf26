-- point.lock_wallet(user): locks the user's wallet until the transaction ends, and returns it. A user without a wallet
-- gets an empty one.
CREATE OR REPLACE FUNCTION point.lock_wallet(p_user uuid) RETURNS point.wallets
LANGUAGE plpgsql VOLATILE SET search_path = ''
AS $$
DECLARE
	v_wallet	point.wallets;
BEGIN
	SELECT w.* INTO v_wallet FROM point.wallets w WHERE w.user_id = p_user FOR UPDATE;
	IF NOT FOUND THEN
		INSERT INTO point.wallets AS w (user_id, updated_at) VALUES (p_user, clock_timestamp())
		ON CONFLICT (user_id) DO NOTHING
		RETURNING w.* INTO v_wallet;
		IF NOT FOUND THEN
			-- Another transaction has just made it.
			SELECT w.* INTO STRICT v_wallet FROM point.wallets w WHERE w.user_id = p_user FOR UPDATE;
		END IF;
	END IF;
	RETURN v_wallet;
END
$$;
