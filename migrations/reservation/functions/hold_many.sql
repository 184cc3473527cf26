-- reservation.hold_many(users, schedules, ..., unpaid_holds_maxes): reservation.hold for many requests in one
-- transaction. Each array has one element for each request, as text. In the result, `n` is the number of the request,
-- from 1. Each request gets an answer that it could also have got in a call of its own. Of two usual requests for one
-- seat, the first one gets it.
--
-- Usual requests are done as a set: the checks, the locks, the reservations, the seats and the claims are one statement
-- each. Other requests go through reservation.hold afterwards, one by one: best available, a used token, a stored
-- answer, a wrong request, two requests of one user, a user who may not have so many seats.
--
-- Locks the users, in the order of their ids, then seats, without waiting. Each request locks its seats in the order of
-- their ids and stops at the first seat that it cannot have, for the reason that reservation.lock_seats gives. One
-- statement locks the first seat of each request, the next statement the second. If a locked seat's hold has run out,
-- the request goes to reservation.hold, which waits for the seat.
--
-- Raises if something impossible happens: a locked seat is not free, or a place was used. Then everything is rolled
-- back, and the caller sends each request alone.
CREATE OR REPLACE FUNCTION reservation.hold_many(
	p_users			text[],
	p_schedules		text[],
	p_seat_ids		text[],		-- each a uuid[]
	p_grades		text[],
	p_quantities		text[],
	p_queue_seqs		text[],
	p_hold_ttls		text[],
	p_idempotency_keys	text[],
	p_request_hashes	text[],
	p_refusals		text[],
	p_request_ids		text[],
	p_unpaid_holds_maxes	text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
#variable_conflict use_column
DECLARE
	v_users		uuid[] := p_users::uuid[];
	v_kept		boolean[];	-- of all requests: an answer is stored under the key
	v_now		timestamptz;
	v_created	text;		-- v_now, as the contract writes it
	v_alone		bigint[];	-- the numbers of requests that go to reservation.hold
	v_refused	bigint[];	-- the numbers of requests that cannot have their seats. For each:
	v_missing	text[];		-- the seats that it cannot have
	v_ns		bigint[];	-- the numbers of requests that can have their seats, by the checks. For each:
	v_totals	bigint[];	-- the price of its seats
	v_limits	int[];		-- the limit per user of its schedule
	v_concerts	uuid[];		-- the concert
	v_run_outs	boolean[];	-- it wants a seat whose hold has run out
	v_ids		uuid[];		-- the id of the new reservation
	v_seats		uuid[];		-- all seats of these requests. For each seat:
	v_seat_ns	bigint[];	-- the number of the request
	v_ks		bigint[];	-- the number of the seat within the request
	v_k		bigint := 1;
	v_wanted	uuid[];		-- the k-th seats of the requests that have locked all seats before
	v_locked	uuid[];
	v_out		bigint[];	-- requests that could not lock a seat, or want a seat of an earlier request
	v_gone		uuid[];		-- the seats that these requests cannot have
	v_made		int;
	v_bodies	text[];
	v_run_out	record;
	v_taken		int;
BEGIN
	PERFORM platform.lock_users(v_users);
	-- One time for all decisions, read after the wait for the locks.
	v_now := clock_timestamp();
	IF array_remove(p_idempotency_keys, NULL) <> '{}' THEN
		v_kept := platform.idempotency_kept(v_users, 'reservations.hold', p_idempotency_keys);
	END IF;

	SELECT array_agg(k.n) FILTER (WHERE k.usual IS NOT TRUE),
	       array_agg(k.n) FILTER (WHERE k.usual AND k.missing IS NOT NULL), array_agg(k.missing) FILTER (WHERE k.usual AND k.missing IS NOT NULL),
	       array_agg(k.n) FILTER (WHERE k.usual AND k.missing IS NULL), array_agg(k.total) FILTER (WHERE k.usual AND k.missing IS NULL),
	       array_agg(k.max_per_user) FILTER (WHERE k.usual AND k.missing IS NULL), array_agg(k.concert_id) FILTER (WHERE k.usual AND k.missing IS NULL),
	       array_agg(k.run_out) FILTER (WHERE k.usual AND k.missing IS NULL)
	INTO v_alone, v_refused, v_missing, v_ns, v_totals, v_limits, v_concerts, v_run_outs
	FROM (
		SELECT r.n, l.missing, l.run_out, l.total, s.max_per_user, s.concert_id,
		       r.refusal IS NULL AND r.kept IS NOT TRUE
			   AND s.status = 'ON_SALE' AND (s.sale_opens_at IS NULL OR s.sale_opens_at <= v_now)
			   AND coalesce(s.sale_closes_at, s.start_at) > v_now
			   AND l.there = cardinality(r.wanted)
			   AND count(*) OVER (PARTITION BY r.user_id) = 1
			   -- Most users have no reservation of the schedule yet; one look-up shows that.
			   AND CASE WHEN cardinality(r.wanted) <= s.max_per_user
			       AND (SELECT true FROM reservation.reservations o
				   WHERE o.schedule_id = r.schedule_id AND o.user_id = r.user_id LIMIT 1) IS NULL
			       THEN true
			       ELSE (SELECT u.queue_seq FROM reservation.reservations u WHERE u.schedule_id = r.schedule_id
				   AND u.user_id = r.user_id AND u.queue_seq = r.queue_seq) IS NULL
				   AND (reservation.limit_refusal(r.user_id, r.schedule_id, cardinality(r.wanted), s.max_per_user,
				       r.unpaid_holds_max, v_now, NULL)).outcome IS NULL END AS usual
		FROM (SELECT a.n, a.user_id, a.schedule_id::uuid, a.wanted::uuid[], a.queue_seq::bigint, a.refusal, a.unpaid_holds_max::int, a.kept
		      FROM unnest(v_users, p_schedules, p_seat_ids, p_queue_seqs, p_refusals, p_unpaid_holds_maxes, v_kept) WITH ORDINALITY
			  a (user_id, schedule_id, wanted, queue_seq, refusal, unpaid_holds_max, kept, n)) r
		-- LIMIT 1: also a plan made while there were few schedules reads one row by its key.
		LEFT JOIN LATERAL (SELECT * FROM reservation.schedules d WHERE d.schedule_id = r.schedule_id LIMIT 1) s ON true
		CROSS JOIN LATERAL (
			SELECT count(*) AS there, sum(t.price)::bigint AS total, bool_or(t.status = 'HOLD') AS run_out,
			       string_agg(t.seat_id::text, '","') FILTER (WHERE NOT (t.status = 'AVAILABLE'
				   OR t.status = 'HOLD' AND t.hold_expires_at <= v_now)) AS missing
			FROM reservation.seats t WHERE t.seat_id = ANY (r.wanted) AND (t.schedule_id = r.schedule_id) IS TRUE) l) k;

	IF v_ns IS NOT NULL THEN
		SELECT array_agg(w.seat_id), array_agg(w.n), array_agg(w.k), coalesce(array_agg(w.n) FILTER (WHERE w.first_n < w.n), '{}')
		INTO v_seats, v_seat_ns, v_ks, v_out
		FROM (
			SELECT s.seat_id, a.n, row_number() OVER (PARTITION BY a.n ORDER BY s.seat_id) AS k,
			       min(a.n) OVER (PARTITION BY s.seat_id) AS first_n
			FROM unnest(v_ns) a (n), unnest(p_seat_ids[a.n]::uuid[]) s (seat_id)) w;

		LOOP
			v_wanted := ARRAY(SELECT w.seat_id FROM unnest(v_seats, v_seat_ns, v_ks) w (seat_id, n, k)
			    WHERE w.k = v_k AND w.n <> ALL (v_out));
			EXIT WHEN v_wanted = '{}';
			v_locked := ARRAY(SELECT s.seat_id FROM reservation.seats s
			    WHERE s.seat_id = ANY (v_wanted) AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= v_now)
			    FOR UPDATE SKIP LOCKED);
			IF cardinality(v_locked) < cardinality(v_wanted) THEN
				SELECT v_out || array_agg(w.n), v_gone || array_agg(w.seat_id) FILTER (WHERE NOT a.run_out)
				INTO v_out, v_gone
				FROM unnest(v_seats, v_seat_ns, v_ks) w (seat_id, n, k) JOIN unnest(v_ns, v_run_outs) a (n, run_out) ON a.n = w.n
				WHERE w.k = v_k AND w.n <> ALL (v_out) AND w.seat_id <> ALL (v_locked);
			END IF;
			v_k := v_k + 1;
		END LOOP;
	END IF;
	IF v_out <> '{}' THEN
		v_gone := v_gone || ARRAY(SELECT w.seat_id FROM unnest(v_seats, v_seat_ns) w (seat_id, n) WHERE w.n <> ALL (v_out));
		-- Refuse the requests whose seats are certainly gone. The others may still get their seats from reservation.hold.
		SELECT v_alone || array_agg(o.n) FILTER (WHERE o.missing IS NULL),
		       v_refused || array_agg(o.n) FILTER (WHERE o.missing IS NOT NULL),
		       v_missing || array_agg(o.missing) FILTER (WHERE o.missing IS NOT NULL)
		INTO v_alone, v_refused, v_missing
		FROM (
			SELECT w.n, string_agg(w.seat_id::text, '","') FILTER (WHERE w.seat_id = ANY (v_gone)) AS missing
			FROM unnest(v_seats, v_seat_ns) w (seat_id, n) WHERE w.n = ANY (v_out) GROUP BY w.n) o;
		SELECT array_agg(a.n), array_agg(a.total), array_agg(a.seat_limit), array_agg(a.concert_id), array_agg(a.run_out)
		INTO v_ns, v_totals, v_limits, v_concerts, v_run_outs
		FROM unnest(v_ns, v_totals, v_limits, v_concerts, v_run_outs) a (n, total, seat_limit, concert_id, run_out)
		WHERE a.n <> ALL (v_out);
		SELECT array_agg(w.seat_id), array_agg(w.n) INTO v_seats, v_seat_ns
		FROM unnest(v_seats, v_seat_ns) w (seat_id, n) WHERE w.n <> ALL (v_out);
	END IF;

	IF v_ns IS NOT NULL THEN
		-- End the old claims on run-out seats. The sweeper marks the old holds EXPIRED. Only the locked seats say which ones
		-- these are (reservation.hold_seats). The time keeps the claims of live holds, also if nobody had locked their seats.
		FOR v_run_out IN
			SELECT s.schedule_id, s.seat_id FROM reservation.seats s
			WHERE s.seat_id = ANY (v_seats) AND s.status = 'HOLD' AND s.hold_expires_at <= v_now
		LOOP
			UPDATE reservation.reservation_seats c SET live = false
			WHERE c.schedule_id = v_run_out.schedule_id AND c.seat_id = v_run_out.seat_id AND c.live IS TRUE;
		END LOOP;

		v_created := platform.rfc3339(v_now);
		v_ids := ARRAY(SELECT platform.uuid_v7() FROM unnest(v_ns));
		INSERT INTO reservation.reservations (reservation_id, user_id, schedule_id, queue_seq,
		    total_amount, hold_ttl_seconds, hold_expires_at, created_at, seat_limit)
		SELECT w.reservation_id, v_users[w.n], p_schedules[w.n]::uuid, p_queue_seqs[w.n]::bigint,
		       w.total, p_hold_ttls[w.n]::int, v_now + make_interval(secs => p_hold_ttls[w.n]::int), v_now, w.seat_limit
		FROM unnest(v_ns, v_ids, v_totals, v_limits) w (n, reservation_id, total, seat_limit);
		GET DIAGNOSTICS v_made = ROW_COUNT;

		WITH taken AS (
			UPDATE reservation.seats s
			SET status = 'HOLD', reservation_id = w.reservation_id, hold_expires_at = v_now + make_interval(secs => p_hold_ttls[c.n]::int),
			    hold_epoch = s.hold_epoch + 1, changes = s.changes + 1, changed_xid = pg_current_xact_id()
			FROM unnest(v_seats, v_seat_ns) c (seat_id, n) JOIN unnest(v_ns, v_ids) w (n, reservation_id) ON w.n = c.n
			-- The second condition: also a plan made while there were few seats reads only these, by their key.
			WHERE s.seat_id = c.seat_id AND s.seat_id = ANY (v_seats)
			  AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= v_now)
			RETURNING s.*),
		claimed AS (
			INSERT INTO reservation.reservation_seats (reservation_id, seat_id, schedule_id, hold_epoch)
			SELECT t.reservation_id, t.seat_id, t.schedule_id, t.hold_epoch FROM taken t),
		shown AS (
			SELECT t.reservation_id, count(*) AS taken, string_agg(
			    reservation.seat_json(t.seat_id, t.section, t.row_label, t.number, t.grade, t.price), ', '
			    ORDER BY t.section_no, t.row_no, t.number) AS seats
			FROM taken t GROUP BY t.reservation_id)
		SELECT array_agg(w.n), sum(o.taken), array_agg(reservation.reservation_object(w.reservation_id, 'HOLD',
		    p_schedules[w.n]::uuid, w.concert_id, o.seats, w.total,
		    platform.rfc3339(v_now + make_interval(secs => p_hold_ttls[w.n]::int)), p_hold_ttls[w.n]::int, p_hold_ttls[w.n]::int,
		    NULL, NULL, v_created))
		INTO v_ns, v_taken, v_bodies
		FROM unnest(v_ns, v_ids, v_totals, v_concerts) w (n, reservation_id, total, concert_id)
		JOIN shown o ON o.reservation_id = w.reservation_id;

		IF v_made <> cardinality(v_ids) OR cardinality(v_ns) IS DISTINCT FROM v_made OR v_taken <> cardinality(v_seats) THEN
			-- Impossible while users and seats are locked. Raise, so that nothing of this commits.
			RAISE EXCEPTION 'not all of % locked seats could be taken', cardinality(v_seats);
		END IF;
		IF v_kept IS NOT NULL THEN
			PERFORM platform.idempotency_created(array_agg(v_users[w.n]), 'reservations.hold', array_agg(p_idempotency_keys[w.n]),
			    array_agg(p_request_hashes[w.n]), array_agg(w.body), array_agg(p_request_ids[w.n]))
			FROM unnest(v_ns, v_bodies) w (n, body) WHERE p_idempotency_keys[w.n] IS NOT NULL;
		END IF;
		RETURN QUERY
		SELECT w.n, 'CREATED', w.body, NULL::text, false, p_request_ids[w.n] FROM unnest(v_ns, v_bodies) w (n, body);
	END IF;

	RETURN QUERY
	SELECT a.n, e.* FROM unnest(v_refused, v_missing) a (n, missing), LATERAL platform.idempotency_end(v_users[a.n], 'reservations.hold',
	    p_idempotency_keys[a.n], p_request_hashes[a.n],
	    platform.refuse('SEAT_NOT_AVAILABLE', '{"unavailableSeatIds":["' || a.missing || '"]}', p_request_ids[a.n])) e;

	RETURN QUERY
	SELECT a.n, h.* FROM (SELECT o AS n FROM unnest(v_alone) o ORDER BY 1) a, LATERAL reservation.hold(v_users[a.n], p_schedules[a.n]::uuid,
	    p_seat_ids[a.n]::uuid[], p_grades[a.n], p_quantities[a.n]::int, p_queue_seqs[a.n]::bigint,
	    p_hold_ttls[a.n]::int, p_idempotency_keys[a.n], p_request_hashes[a.n], p_refusals[a.n], p_request_ids[a.n],
	    p_unpaid_holds_maxes[a.n]::int) h;
END
$$;
GRANT EXECUTE ON FUNCTION reservation.hold_many(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[])
	TO reservation_service;

-- The signature without unpaid_holds_maxes, for older instances. It uses the default. Dropped in the next release.
CREATE OR REPLACE FUNCTION reservation.hold_many(
	p_users			text[],
	p_schedules		text[],
	p_seat_ids		text[],
	p_grades		text[],
	p_quantities		text[],
	p_queue_seqs		text[],
	p_hold_ttls		text[],
	p_idempotency_keys	text[],
	p_request_hashes	text[],
	p_refusals		text[],
	p_request_ids		text[])
RETURNS TABLE (n bigint, outcome text, body text, etag text, replayed boolean, request_id text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = ''
AS $$
BEGIN
	RETURN QUERY SELECT * FROM reservation.hold_many(p_users, p_schedules, p_seat_ids, p_grades, p_quantities, p_queue_seqs,
	    p_hold_ttls, p_idempotency_keys, p_request_hashes, p_refusals, p_request_ids,
	    array_fill('5'::text, ARRAY[cardinality(p_users)]));
END
$$;
GRANT EXECUTE ON FUNCTION reservation.hold_many(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[])
	TO reservation_service;
