-- platform.card_may_be_ours(provider_code): true if the provider declined because the payment key or the order id was used
-- before. An earlier confirm of ours may have used it, so the money may be taken: the caller looks it up again later.
CREATE OR REPLACE FUNCTION platform.card_may_be_ours(p_provider_code text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
	SELECT p_provider_code IN ('ALREADY_PROCESSED_PAYMENT', 'DUPLICATED_ORDER_ID')
$$;
GRANT EXECUTE ON FUNCTION platform.card_may_be_ours(text) TO payment_owner, point_owner;
