-- Each new state of a reservation writes its event: none can be without one.
-- What is in an event is in functions/emit.sql and emit_held.sql, which replace the
-- functions below; here they only have to exist.

BEGIN;

SET LOCAL ROLE reservation_owner;

CREATE FUNCTION reservation.emit_held() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	RETURN NULL;
END
$$;
CREATE FUNCTION reservation.emit() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION reservation.emit_held(), reservation.emit() FROM PUBLIC;

-- Once a statement: holds may be made many in one.
CREATE TRIGGER reservation_made AFTER INSERT ON reservation.reservations
	REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION reservation.emit_held();
CREATE TRIGGER reservation_changed AFTER UPDATE OF status ON reservation.reservations
	FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION reservation.emit();

COMMIT;
