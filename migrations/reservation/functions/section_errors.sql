-- reservation.section_errors(sections): the errors in the sections of a new schedule, as the contract's [{field,
-- reason}]; NULL if there are none. Allowed are 1 to 100 sections with different names, and at most 100,000 seats.
CREATE OR REPLACE FUNCTION reservation.section_errors(p_sections json) RETURNS json
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
	v_errors	json;
BEGIN
	IF json_typeof(p_sections) IS DISTINCT FROM 'array' OR json_array_length(p_sections) NOT BETWEEN 1 AND 100 THEN
		RETURN '[{"field":"sections","reason":"must be an array of 1 to 100 sections"}]';
	END IF;

	SELECT json_agg(json_build_object('field', format('sections[%s]', s.n - 1), 'reason', 'must be an object')) INTO v_errors
	FROM json_array_elements(p_sections) WITH ORDINALITY s (value, n)
	WHERE json_typeof(s.value) <> 'object';
	IF v_errors IS NOT NULL THEN
		RETURN v_errors;
	END IF;

	WITH given AS (
		SELECT s.n - 1 AS n, s.value, s.value ->> 'section' AS section,
		       row_number() OVER (PARTITION BY s.value ->> 'section' ORDER BY s.n) AS of_that_name
		FROM json_array_elements(p_sections) WITH ORDINALITY s (value, n)),
	wrong (n, field, reason) AS (
		SELECT n, 'section', 'must be a text of 1 to 50 characters' FROM given
		WHERE json_typeof(value -> 'section') IS DISTINCT FROM 'string' OR length(section) NOT BETWEEN 1 AND 50
		UNION ALL
		SELECT n, 'section', 'is there twice' FROM given WHERE section IS NOT NULL AND of_that_name > 1
		UNION ALL
		SELECT n, 'grade', 'must be VIP, R or S' FROM given
		WHERE (value ->> 'grade' IN ('VIP', 'R', 'S')) IS NOT TRUE
		UNION ALL
		SELECT g.n, f.field, 'must be a whole number from 1 to ' || f.most
		FROM given g, (VALUES ('price', 10000000), ('rows', 100000), ('seatsPerRow', 100000)) f (field, most)
		WHERE (json_typeof(g.value -> f.field) = 'number'
		    AND CASE WHEN g.value ->> f.field ~ '^[0-9]{1,8}$' THEN (g.value ->> f.field)::int BETWEEN 1 AND f.most END)
		    IS NOT TRUE)
	SELECT json_agg(json_build_object('field', format('sections[%s].%s', w.n, w.field), 'reason', w.reason) ORDER BY w.n)
	INTO v_errors FROM wrong w;
	IF v_errors IS NOT NULL THEN
		RETURN v_errors;
	END IF;

	IF (SELECT sum((s.value ->> 'rows')::bigint * (s.value ->> 'seatsPerRow')::bigint)
	    FROM json_array_elements(p_sections) s (value)) > 100000 THEN
		RETURN '[{"field":"sections","reason":"make more than 100,000 seats"}]';
	END IF;
	RETURN NULL;
END
$$;
