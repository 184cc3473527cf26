-- point.debit_many(users, amounts, operations): for schema payment: point.debit for many users in one statement. Each
-- array has one element for each request; the operation is also the reference. The caller has locked the users and
-- names each once. Each operation is new. In this transaction point.reserve_many has found that each wallet holds the
-- amount.
--
-- Raises if a debit is impossible: such a transaction must not commit.
CREATE OR REPLACE FUNCTION point.debit_many(p_users uuid[], p_amounts bigint[], p_operations uuid[]) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	PERFORM FROM point.append_many(p_users, 'DEDUCT', p_amounts, p_operations);
END
$$;
GRANT EXECUTE ON FUNCTION point.debit_many(uuid[], bigint[], uuid[]) TO payment_owner;
