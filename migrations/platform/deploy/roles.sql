-- The roles. Owners own a schema and cannot log in; services log in and own
-- nothing: all a service can do is call the functions granted to it.
-- Roles belong to the whole cluster, so those that are there already are kept.

BEGIN;

DO $$
DECLARE
	v_name text;
BEGIN
	FOREACH v_name IN ARRAY ARRAY['platform_owner', 'reservation_owner', 'payment_owner', 'point_owner'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_name) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN', v_name);
		END IF;
		-- A new function is nobody's until it is granted to somebody.
		EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', v_name);
	END LOOP;

	FOREACH v_name IN ARRAY ARRAY['queue_service', 'reservation_service', 'payment_service', 'point_service'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_name) THEN
			EXECUTE format('CREATE ROLE %I LOGIN', v_name);
		END IF;
		-- Nothing a service asks for may wait for ever, and no lock may
		-- outlive a service that stopped in the middle of a transaction.
		EXECUTE format('ALTER ROLE %I SET statement_timeout = ''5s''', v_name);
		EXECUTE format('ALTER ROLE %I SET lock_timeout = ''2s''', v_name);
		EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''5s''', v_name);
		EXECUTE format('ALTER ROLE %I SET search_path = ''''', v_name);
		-- What a service asks for goes by a key, through an index, with the
		-- same plan each time. Left to itself PostgreSQL plans a third of a
		-- hold's time, and plans made while the tables were small stay.
		EXECUTE format('ALTER ROLE %I SET plan_cache_mode = force_generic_plan', v_name);
		EXECUTE format('ALTER ROLE %I SET enable_seqscan = off', v_name);
		EXECUTE format('ALTER ROLE %I SET jit = off', v_name);
	END LOOP;

	-- Only the services come in, and none of them makes temporary tables.
	EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
	EXECUTE format('GRANT CONNECT ON DATABASE %I TO queue_service, reservation_service, payment_service, point_service',
	    current_database());
END
$$;

COMMIT;
