-- Takes the roles away from this database. A role that owns something in
-- another database of the cluster stays.

BEGIN;

DO $$
DECLARE
	v_name text;
BEGIN
	EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO PUBLIC', current_database());

	FOREACH v_name IN ARRAY ARRAY['queue_service', 'reservation_service', 'payment_service', 'point_service',
	    'platform_owner', 'reservation_owner', 'payment_owner', 'point_owner'] LOOP
		IF EXISTS (SELECT FROM pg_roles WHERE rolname = v_name) THEN
			EXECUTE format('DROP OWNED BY %I RESTRICT', v_name);
			BEGIN
				EXECUTE format('DROP ROLE %I', v_name);
			EXCEPTION WHEN dependent_objects_still_exist THEN
				RAISE NOTICE 'role % is in use by another database and stays', v_name;
			END;
		END IF;
	END LOOP;
END
$$;

COMMIT;
