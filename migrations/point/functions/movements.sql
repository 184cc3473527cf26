-- point.movements(): for payment.invariants: how many points each operation took and gave back. One row for each
-- operation that is not a charge.
CREATE OR REPLACE FUNCTION point.movements()
RETURNS TABLE (operation_id uuid, user_id uuid, taken bigint, given_back bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
AS $$
	SELECT e.operation_id, min(e.user_id::text)::uuid,
	       coalesce(sum(e.amount) FILTER (WHERE e.type = 'DEDUCT'), 0)::bigint,
	       coalesce(sum(e.amount) FILTER (WHERE e.type = 'ROLLBACK'), 0)::bigint
	FROM point.entries e
	WHERE e.type <> 'CHARGE'
	GROUP BY e.operation_id
$$;
GRANT EXECUTE ON FUNCTION point.movements() TO payment_owner;
