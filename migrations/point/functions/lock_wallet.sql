-- point.lock_wallet(user): the user's wallet, locked until the transaction
-- ends; an empty new one if there was none.
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
			-- Somebody else has just made it.
			SELECT w.* INTO STRICT v_wallet FROM point.wallets w WHERE w.user_id = p_user FOR UPDATE;
		END IF;
	END IF;
	RETURN v_wallet;
END
$$;
