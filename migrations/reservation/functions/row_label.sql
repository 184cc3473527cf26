-- reservation.row_label(row_no): the name of a row, counted from the front: A, B, ... Z, AA, AB, ... ZZ, AAA, ...
CREATE OR REPLACE FUNCTION reservation.row_label(p_row_no int) RETURNS text
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
	v_left	int := p_row_no;
	v_label	text := '';
BEGIN
	-- Base 26 without a zero digit.
	WHILE v_left > 0 LOOP
		v_label := chr(ascii('A') + (v_left - 1) % 26) || v_label;
		v_left := (v_left - 1) / 26;
	END LOOP;
	RETURN v_label;
END
$$;
