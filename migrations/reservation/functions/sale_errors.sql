-- reservation.sale_errors(start, end, sale opens, sale closes): the errors in the order of a schedule's times, as the
-- contract's [{field, reason}]; NULL if there are none. The order must be start < end and opens < closes <= end. `sale
-- opens` NULL: the sale has no opening; `sale closes` NULL: it ends at the start.
CREATE OR REPLACE FUNCTION reservation.sale_errors(
	p_start_at		timestamptz,
	p_end_at		timestamptz,
	p_sale_opens_at		timestamptz,
	p_sale_closes_at	timestamptz)
RETURNS json
LANGUAGE plpgsql IMMUTABLE
AS $$
BEGIN
	RETURN (
		SELECT json_agg(json_build_object('field', e.field, 'reason', e.reason)) FROM (VALUES
			(p_end_at <= p_start_at, 'endAt', 'must be after startAt'),
			(p_sale_closes_at IS NULL AND p_sale_opens_at >= p_start_at, 'saleOpensAt',
			    'must be before startAt, where the sale ends without saleClosesAt'),
			(p_sale_opens_at >= p_sale_closes_at, 'saleClosesAt', 'must be after saleOpensAt'),
			(p_sale_closes_at > p_end_at, 'saleClosesAt', 'must not be after endAt')) e (wrong, field, reason)
		WHERE e.wrong);
END
$$;
