-- A schedule commits only with all its seats. They are made in several calls of one transaction (functions/make_seats.sql);
-- without this, a caller that forgot the transaction would open a sale without seats. What is checked is in
-- functions/check_schedule.sql, which replaces the function below; here it only has to exist.

BEGIN;

SET LOCAL ROLE reservation_owner;

CREATE FUNCTION reservation.check_schedule() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION reservation.check_schedule() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER schedule_is_whole AFTER INSERT ON reservation.schedules
	DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION reservation.check_schedule();

COMMIT;
