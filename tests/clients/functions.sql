-- Functions that the client tests call. They have the form of the services' functions, and each shows one case. etag is the
-- transaction's id, so that a test sees which calls were in one transaction.

CREATE SCHEMA platform;
CREATE SCHEMA clients;

CREATE TYPE platform.reply AS (outcome text, body text, etag text, replayed boolean, request_id text);

-- Answers with its arguments as PostgreSQL read them.
CREATE FUNCTION clients.echo(id uuid, ids uuid[], words text, number int, request_id text)
RETURNS platform.reply LANGUAGE sql AS $$
	SELECT ('OK', json_build_array(id, ids, words, number)::text, pg_current_xact_id()::text, number > 0,
	    request_id)::platform.reply
$$;

CREATE TABLE clients.entries (n serial PRIMARY KEY, key text NOT NULL CHECK (key <> 'poison'), xid xid8 NOT NULL
    DEFAULT pg_current_xact_id());

-- Inserts one row for each call that commits.
CREATE FUNCTION clients.enter(k text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) VALUES (k);
	RETURN ('CREATED', to_json(k)::text, pg_current_xact_id()::text, false, NULL)::platform.reply;
END
$$;

-- The same for many calls at once. request_id is "many".
CREATE FUNCTION clients.enter_many(ks text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) SELECT k FROM unnest(ks) k;
	RETURN QUERY SELECT k.n, 'CREATED', to_json(k.k)::text, pg_current_xact_id()::text, false, 'many'
	FROM unnest(ks) WITH ORDINALITY k (k, n) ORDER BY k.n DESC;
END
$$;

-- Inserts a row for each call, and answers all calls except the second.
CREATE FUNCTION clients.enter_many_but_one(ks text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text) LANGUAGE sql AS $$
	SELECT * FROM clients.enter_many(ks) m WHERE m.n <> 2
$$;

-- Inserts a row, then sleeps.
CREATE FUNCTION clients.enter_slowly(k text, seconds float8) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) VALUES (k);
	PERFORM pg_sleep(seconds);
	RETURN ('CREATED', NULL, NULL, false, NULL)::platform.reply;
END
$$;

CREATE FUNCTION clients.nap(seconds float8) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(seconds);
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Fails with SQLSTATE `state` in its first `times` calls. It counts by a sequence, because that is not rolled back.
CREATE SEQUENCE clients.tries;
CREATE FUNCTION clients.fail(state text, times bigint) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('clients.tries') <= times THEN
		RAISE EXCEPTION 'failing' USING ERRCODE = state;
	END IF;
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Locks two rows. Two calls with the rows in opposite orders deadlock.
CREATE TABLE clients.locks (id int PRIMARY KEY);
INSERT INTO clients.locks VALUES (1), (2);
CREATE FUNCTION clients.lock_both(first int, second int) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	PERFORM 1 FROM clients.locks WHERE id = first FOR UPDATE;
	PERFORM pg_sleep(0.2);
	PERFORM 1 FROM clients.locks WHERE id = second FOR UPDATE;
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Fails at commit, in a deferred constraint, if the key is there already. By then the server has sent the answer, because
-- it is long.
CREATE TABLE clients.pairs (key text UNIQUE DEFERRABLE INITIALLY DEFERRED);
CREATE FUNCTION clients.enter_pair(k text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.pairs VALUES (k);
	RETURN ('CREATED', to_json(repeat('x', 100000))::text, NULL, false, NULL)::platform.reply;
END
$$;

CREATE FUNCTION clients.no_arguments() RETURNS platform.reply LANGUAGE sql AS $$
	SELECT ('NO_CONTENT', NULL, nextval('clients.tries')::text, false, NULL)::platform.reply
$$;

CREATE FUNCTION clients.no_outcome(t text) RETURNS platform.reply LANGUAGE sql AS $$
	SELECT NULL::platform.reply
$$;

-- Deallocates all prepared statements of this connection.
CREATE FUNCTION clients.forget(t text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	DEALLOCATE ALL;
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Ends this connection, as an administrator can.
CREATE FUNCTION clients.end_me(k text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) VALUES (k);
	PERFORM pg_terminate_backend(pg_backend_pid());
	PERFORM pg_sleep(1);
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Ends this connection at commit, in a deferred trigger. By then the server has sent the answer, because it is long.
CREATE TABLE clients.last_words (key text);
CREATE FUNCTION clients.end_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_terminate_backend(pg_backend_pid());
	PERFORM pg_sleep(10);
	RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER end_at_commit AFTER INSERT ON clients.last_words DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION clients.end_at_commit();
CREATE FUNCTION clients.answer_and_end(k text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.last_words VALUES (k);
	RETURN ('CREATED', to_json(repeat('x', 100000))::text, NULL, false, NULL)::platform.reply;
END
$$;

CREATE FUNCTION clients.setting(name text) RETURNS platform.reply LANGUAGE sql AS $$
	SELECT ('OK', current_setting(name), NULL, false, NULL)::platform.reply
$$;

-- Work of several calls in one transaction. The first call and `times` further calls insert an entry `k` each. Each further
-- call takes `seconds`. `fails` NULL: the last call answers CREATED with the number of entries. "at the end": it fails.
-- "at the commit": the commit takes four times `seconds` and fails.
CREATE FUNCTION clients.begin_steps(k text, times int, seconds float8, fails text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) VALUES (k);
	RETURN ('MORE', json_build_array(k, times, seconds, fails)::text, NULL, false, NULL)::platform.reply;
END
$$;
CREATE TABLE clients.fails_at_commit (seconds float8 NOT NULL);
CREATE FUNCTION clients.fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_sleep(4 * NEW.seconds);
	RAISE EXCEPTION 'the test asked for it';
END
$$;
CREATE CONSTRAINT TRIGGER fails_at_commit AFTER INSERT ON clients.fails_at_commit DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION clients.fail_at_commit();
CREATE FUNCTION clients.step(progress text) RETURNS platform.reply LANGUAGE plpgsql AS $$
DECLARE
	v_key		text := progress::json ->> 0;
	v_times		int := progress::json ->> 1;
	v_seconds	float8 := progress::json ->> 2;
	v_fails		text := progress::json ->> 3;
BEGIN
	PERFORM pg_sleep(v_seconds);
	INSERT INTO clients.entries (key) VALUES (v_key);
	IF v_times > 1 THEN
		RETURN ('MORE', json_build_array(v_key, v_times - 1, v_seconds, v_fails)::text, NULL, false, NULL)::platform.reply;
	ELSIF v_fails = 'at the end' THEN
		RAISE EXCEPTION 'the test asked for it';
	ELSIF v_fails = 'at the commit' THEN
		INSERT INTO clients.fails_at_commit VALUES (v_seconds);
	END IF;
	RETURN ('CREATED', (SELECT count(*) FROM clients.entries e WHERE e.key = v_key AND e.xid = pg_current_xact_id())::text, NULL, false, NULL)::platform.reply;
END
$$;
