-- point.order_id(user, idempotency_key): the order id of a charge at the card provider: `charge-` and the first 40 hex
-- digits of SHA-256 over `<user>:<idempotency_key>`. The web page computes the same before it opens the payment window.
-- It names the user, so another user who has seen the payment key cannot credit the money to another wallet.
CREATE OR REPLACE FUNCTION point.order_id(p_user uuid, p_idempotency_key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT 'charge-' || left(encode(sha256(convert_to(p_user || ':' || p_idempotency_key, 'UTF8')), 'hex'), 40)
$$;
