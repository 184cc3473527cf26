-- Each ledger entry writes its event: none can be without one.
-- What is in an event is in functions/emit.sql, which replaces the function below;
-- here it only has to exist.

BEGIN;

SET LOCAL ROLE point_owner;

CREATE FUNCTION point.emit() RETURNS trigger
LANGUAGE plpgsql SET search_path = ''
AS $$
BEGIN
	RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION point.emit() FROM PUBLIC;

CREATE TRIGGER entry_made AFTER INSERT ON point.entries
	FOR EACH ROW EXECUTE FUNCTION point.emit();

COMMIT;
