-- What the client tests call: functions of the form the services' ones have,
-- each built to show one thing. etag carries the transaction's id, so that a
-- test sees which calls shared one.

CREATE SCHEMA platform;
CREATE SCHEMA clients;

CREATE TYPE platform.reply AS (outcome text, body text, etag text, replayed boolean, request_id text);

-- Answers with its arguments, as PostgreSQL understood them.
CREATE FUNCTION clients.echo(id uuid, ids uuid[], words text, number int, request_id text)
RETURNS platform.reply LANGUAGE sql AS $$
	SELECT ('OK', json_build_array(id, ids, words, number)::text, pg_current_xact_id()::text, number > 0,
	    request_id)::platform.reply
$$;

CREATE TABLE clients.entries (n serial PRIMARY KEY, key text NOT NULL CHECK (key <> 'poison'), xid xid8 NOT NULL
    DEFAULT pg_current_xact_id());

-- One row in a table for each call that committed.
CREATE FUNCTION clients.enter(k text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) VALUES (k);
	RETURN ('CREATED', to_json(k)::text, pg_current_xact_id()::text, false, NULL)::platform.reply;
END
$$;

-- The same for many calls at once; says so in request_id.
CREATE FUNCTION clients.enter_many(ks text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text) LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) SELECT k FROM unnest(ks) k;
	RETURN QUERY SELECT k.n, 'CREATED', to_json(k.k)::text, pg_current_xact_id()::text, false, 'many'
	FROM unnest(ks) WITH ORDINALITY k (k, n) ORDER BY k.n DESC;
END
$$;

-- Answers all calls but the second.
CREATE FUNCTION clients.enter_many_but_one(ks text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text) LANGUAGE sql AS $$
	SELECT * FROM clients.enter_many(ks) m WHERE m.n <> 2
$$;

-- The same, then sleeps.
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

-- Fails with `state` until it was called `times` times (a sequence is not rolled back).
CREATE SEQUENCE clients.tries;
CREATE FUNCTION clients.fail(state text, times bigint) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('clients.tries') <= times THEN
		RAISE EXCEPTION 'failing' USING ERRCODE = state;
	END IF;
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Two rows to lock crosswise.
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

-- Fails after it has answered: at commit, in a deferred constraint. A long
-- answer has left the server by then.
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

-- Takes this connection's prepared statements away.
CREATE FUNCTION clients.forget(t text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	DEALLOCATE ALL;
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Ends this connection as an administrator would.
CREATE FUNCTION clients.end_me(k text) RETURNS platform.reply LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO clients.entries (key) VALUES (k);
	PERFORM pg_terminate_backend(pg_backend_pid());
	PERFORM pg_sleep(1);
	RETURN ('OK', NULL, NULL, false, NULL)::platform.reply;
END
$$;

-- Ends this connection at commit, in a deferred trigger. A long answer has left the server by then.
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

-- For measuring: a row of work and a commit.
CREATE TABLE clients.counters (id int PRIMARY KEY, value bigint NOT NULL);
INSERT INTO clients.counters SELECT i, 0 FROM generate_series(1, 1000) AS i;
CREATE FUNCTION clients.count(i int) RETURNS platform.reply LANGUAGE plpgsql AS $$
DECLARE
	v bigint;
BEGIN
	UPDATE clients.counters SET value = value + 1 WHERE id = i RETURNING value INTO v;
	RETURN ('OK', v::text, NULL, false, NULL)::platform.reply;
END
$$;
