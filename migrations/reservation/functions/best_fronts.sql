-- reservation.best_fronts(schedule, grade): the rows where a search for the best seats may begin: {version, row for one
-- seat, for two together, for three, for four}. No row in front of the row for n has n free seats together. A row is
-- the number row_no * 1000 + section_no.
--
-- The last search of this connection for this schedule and grade has noted these rows (note_front) in a setting of the
-- session. A noted row stays right while seats are only taken. Seats that were given back since then are found in their
-- own index, seats_given_back, by the transaction that gave them back. If such a seat is in front of the noted row, its
-- row becomes the new front. The version is the oldest transaction that was not over at that time, as in
-- reservation.seat_changes. So the next look also finds seats of a transaction that commits late.
--
-- Without a front, each search walks past all sold seats: the index entries of seats taken since the last VACUUM, and
-- single free seats between sold ones.
CREATE OR REPLACE FUNCTION reservation.best_fronts(p_schedule uuid, p_grade text)
RETURNS bigint[]
LANGUAGE plpgsql STABLE
AS $$
DECLARE
	-- Read before the search for seats given back, so that the next search misses none.
	v_version	bigint := pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
	v_note		text[] := string_to_array(current_setting('reservation.best_fronts', true), ' ');
	v_fronts	bigint[];
	v_back		bigint;
	v_count		int;
BEGIN
	IF v_note[1] IS DISTINCT FROM p_schedule::text OR v_note[2] IS DISTINCT FROM p_grade THEN
		RETURN ARRAY[v_version, 0, 0, 0, 0];
	END IF;
	v_fronts := v_note[3]::bigint[];
	SELECT min(b.row), count(*) INTO v_back, v_count FROM (
		SELECT s.row_no::bigint * 1000 + s.section_no AS row FROM reservation.seats s
		WHERE s.schedule_id = p_schedule AND (s.status = 'AVAILABLE' AND s.changes > 0) IS TRUE
		  AND (s.grade, s.changed_xid) >= (p_grade, v_fronts[1]::text::xid8)
		  AND (s.grade, s.changed_xid) <= (p_grade, '18446744073709551615'::xid8)
		ORDER BY s.grade, s.changed_xid LIMIT 100) b;
	-- If the limit of 100 is reached there may be more, so begin at the first row.
	v_back := CASE v_count WHEN 100 THEN 0 ELSE v_back END;
	RETURN ARRAY[v_version, least(v_fronts[2], v_back), least(v_fronts[3], v_back), least(v_fronts[4], v_back), least(v_fronts[5], v_back)];
END
$$;

-- reservation.note_front(schedule, grade, fronts, quantity, row): notes the frontmost row with `quantity` free seats
-- together (NULL: there is none) for the next best_fronts. A rollback removes the note.
CREATE OR REPLACE FUNCTION reservation.note_front(p_schedule uuid, p_grade text, p_fronts bigint[], p_quantity int, p_row bigint)
RETURNS void
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
	-- A row without room for n seats has no room for more than n.
	FOR v_at IN coalesce(p_quantity, 5) + 1 .. 5 LOOP
		p_fronts[v_at] := greatest(p_fronts[v_at], coalesce(p_row, 2000000000000));	-- a number behind all rows
	END LOOP;
	PERFORM set_config('reservation.best_fronts', p_schedule || ' ' || p_grade || ' ' || p_fronts::text, false);
END
$$;
