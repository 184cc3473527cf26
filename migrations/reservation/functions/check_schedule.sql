-- reservation.check_schedule(): trigger at the commit of a transaction that made a schedule. Raises unless the last
-- seat of each section exists (reservation.make_seats makes them in order). So no reader sees a schedule without all
-- its seats.
--
-- SECURITY DEFINER, because PostgreSQL runs this trigger at the commit with the rights of the service's role.
CREATE OR REPLACE FUNCTION reservation.check_schedule() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	IF (SELECT count(*) FROM reservation.sections c WHERE c.schedule_id = NEW.schedule_id)
	    <> (SELECT count(*) FROM reservation.sections c JOIN reservation.seats s ON s.schedule_id = c.schedule_id
		AND s.section_no = c.section_no AND s.row_no = c.rows AND s.number = c.seats_per_row
		WHERE c.schedule_id = NEW.schedule_id) THEN
		RAISE EXCEPTION 'schedule % does not have all its seats', NEW.schedule_id;
	END IF;
	RETURN NULL;
END
$$;
