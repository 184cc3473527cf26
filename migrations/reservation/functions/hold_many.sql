-- reservation.hold_many(users, schedules, ..., unpaid_holds_maxes): reservation.hold for
-- many requests in one transaction: an element of each array is one request,
-- given as text; `n`, from 1, says whose answer a row is. Nobody's answer
-- depends on being with others but for the order: of two who want a seat the
-- first one in the arrays has it.
--
-- What is usual goes together: the look, the reservations, the seats, the claims
-- are one statement each for all, half the work. Only the seats are locked
-- one by one, for the reason lock_seats gives. What is not usual (best available,
-- a used token, a wrong request, two requests of one user, a user who may not have
-- so many seats) is handed to reservation.hold afterwards, one after the other.
--
-- Locks: the users, sorted; then seats, without waiting but as lock_run_out_seat
-- does. If what cannot be happens (a seat that is locked is not free, a place that was not used is), all
-- of it is rolled back, and the caller asks one by one.
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
	v_now		timestamptz;
	v_one		record;
	v_reply		platform.reply;
	v_not_free	uuid[];
	v_seat		uuid;
	v_locked	int;
	v_id		uuid;
	v_alone		bigint[] := '{}';	-- who is handed to reservation.hold
	v_ns		bigint[] := '{}';	-- who has got his seats, and:
	v_ids		uuid[] := '{}';		-- the reservation,
	v_totals	bigint[] := '{}';	-- what it costs,
	v_limits	int[] := '{}';		-- the limit per user that it was made under,
	v_concerts	uuid[] := '{}';		-- the concert;
	v_seats		uuid[] := '{}';		-- all their seats,
	v_seat_ids	uuid[] := '{}';		-- and whose each is,
	v_ends		timestamptz[] := '{}';	-- until when
	v_run_out	uuid[] := '{}';		-- seats among them whose hold has run out,
	v_run_out_of	uuid[] := '{}';		-- and the schedule of each
	v_made		int;
	v_taken		int;
BEGIN
	PERFORM platform.lock_user(u.user_id)
	FROM (SELECT DISTINCT a::uuid AS user_id FROM unnest(p_users) a ORDER BY 1) u;
	-- After the wait: it brings no dead hold back, and no seat nearer.
	v_now := clock_timestamp();

	FOR v_one IN
		SELECT r.n, r.user_id, r.schedule_id, r.key, r.request_hash, r.request_id, l.seats, l.not_free, l.run_out, l.total,
		       s.max_per_user, s.concert_id,
		       r.refusal IS NULL AND s.status = 'ON_SALE' AND (s.sale_opens_at IS NULL OR s.sale_opens_at <= v_now)
			   AND coalesce(s.sale_closes_at, s.start_at) > v_now
			   AND l.there = cardinality(r.wanted)
			   AND count(*) OVER (PARTITION BY r.user_id) = 1
			   AND (SELECT u.queue_seq FROM reservation.reservations u WHERE u.schedule_id = r.schedule_id
			       AND u.user_id = r.user_id AND u.queue_seq = r.queue_seq) IS NULL
			   -- Most users have no seat of the schedule; two index look-ups show that.
			   AND CASE WHEN cardinality(r.wanted) <= s.max_per_user
			       AND (SELECT true FROM reservation.reservations o
				   WHERE uuid_hash_extended(o.user_id, uuid_hash_extended(o.schedule_id, 0)) = r.key_of_user
				   AND (o.status IN ('HOLD', 'CONFIRMED')) IS TRUE LIMIT 1) IS NULL
			       AND (SELECT true FROM reservation.reservations e
				   WHERE uuid_hash_extended(e.user_id, uuid_hash_extended(e.schedule_id, 0)) = r.key_of_user
				   AND (e.status = 'EXPIRED' OR e.status = 'CANCELLED' AND e.payment_id IS NULL) IS TRUE LIMIT 1) IS NULL
			       THEN true
			       ELSE (reservation.limit_refusal(r.user_id, r.schedule_id, cardinality(r.wanted), s.max_per_user,
				   r.unpaid_holds_max, v_now, NULL)).outcome IS NULL END AS usual
		FROM (SELECT a.n, a.user_id::uuid, a.schedule_id::uuid, a.wanted::uuid[], a.queue_seq::bigint, a.key,
			     a.request_hash, a.refusal, a.request_id, a.unpaid_holds_max::int,
			     uuid_hash_extended(a.user_id::uuid, uuid_hash_extended(a.schedule_id::uuid, 0)) AS key_of_user
		      FROM unnest(p_users, p_schedules, p_seat_ids, p_queue_seqs, p_idempotency_keys, p_request_hashes,
			  p_refusals, p_request_ids, p_unpaid_holds_maxes) WITH ORDINALITY
			  a (user_id, schedule_id, wanted, queue_seq, key, request_hash, refusal, request_id, unpaid_holds_max, n)) r
		-- LIMIT 1: the plan reads one row by its key, also if it was made while there were few schedules.
		LEFT JOIN LATERAL (SELECT * FROM reservation.schedules d WHERE d.schedule_id = r.schedule_id LIMIT 1) s ON true
		CROSS JOIN LATERAL (
			SELECT count(*) AS there, sum(t.price)::bigint AS total, array_agg(t.seat_id ORDER BY t.seat_id) AS seats,
			       array_agg(t.seat_id) FILTER (WHERE t.status = 'HOLD' AND t.hold_expires_at <= v_now) AS run_out,
			       array_agg(t.seat_id) FILTER (WHERE NOT (t.status = 'AVAILABLE'
				   OR t.status = 'HOLD' AND t.hold_expires_at <= v_now)) AS not_free
			FROM reservation.seats t WHERE t.seat_id = ANY (r.wanted) AND (t.schedule_id = r.schedule_id) IS TRUE) l
		ORDER BY r.n
	LOOP
		IF v_one.usual IS NOT TRUE THEN
			v_alone := v_alone || v_one.n;
			CONTINUE;
		END IF;
		IF v_one.key IS NOT NULL THEN
			v_reply := platform.idempotency_begin(v_one.user_id, 'reservations.hold', v_one.key, v_one.request_hash);
			IF v_reply.outcome IS NOT NULL THEN
				RETURN QUERY SELECT v_one.n, v_reply.*;
				CONTINUE;
			END IF;
		END IF;

		v_not_free := v_one.not_free;
		IF v_not_free IS NULL AND v_one.seats && v_seats THEN
			-- Of somebody before, in these arrays.
			v_not_free := ARRAY(SELECT w FROM unnest(v_one.seats) w WHERE w = ANY (v_seats));
		END IF;
		IF v_not_free IS NULL THEN
			FOREACH v_seat IN ARRAY v_one.seats LOOP
				PERFORM FROM reservation.seats s
				WHERE s.seat_id = v_seat AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= v_now)
				FOR UPDATE SKIP LOCKED;
				IF NOT FOUND AND ((v_seat = ANY (v_one.run_out)) IS NOT TRUE
				    OR NOT reservation.lock_run_out_seat(v_seat, v_now)) THEN
					v_not_free := ARRAY[v_seat];
					EXIT;
				END IF;
			END LOOP;
		END IF;

		IF v_not_free IS NOT NULL THEN
			v_reply := platform.refuse('SEAT_NOT_AVAILABLE',
			    '{"unavailableSeatIds":["' || array_to_string(v_not_free, '","') || '"]}', v_one.request_id);
			IF v_one.key IS NOT NULL THEN
				v_reply := platform.idempotency_end(v_one.user_id, 'reservations.hold', v_one.key,
				    v_one.request_hash, v_reply);
			END IF;
			RETURN QUERY SELECT v_one.n, v_reply.*;
			CONTINUE;
		END IF;

		v_id := platform.uuid_v7();
		v_ns := v_ns || v_one.n;
		v_ids := v_ids || v_id;
		v_totals := v_totals || v_one.total;
		v_limits := v_limits || v_one.max_per_user;
		v_concerts := v_concerts || v_one.concert_id;
		v_seats := v_seats || v_one.seats;
		v_seat_ids := v_seat_ids || array_fill(v_id, ARRAY[cardinality(v_one.seats)]);
		v_ends := v_ends || array_fill(v_now + make_interval(secs => p_hold_ttls[v_one.n]::int), ARRAY[cardinality(v_one.seats)]);
		v_run_out := v_run_out || v_one.run_out;
		v_run_out_of := v_run_out_of || array_fill(v_one.schedule_id, ARRAY[coalesce(cardinality(v_one.run_out), 0)]);
	END LOOP;

	-- Whose holds they were is none of our business; the sweeper marks them EXPIRED.
	FOR v_at IN 1 .. cardinality(v_run_out) LOOP
		UPDATE reservation.reservation_seats c SET live = false
		WHERE c.schedule_id = v_run_out_of[v_at] AND c.seat_id = v_run_out[v_at] AND c.live IS TRUE;
	END LOOP;

	IF v_ns <> '{}' THEN
		INSERT INTO reservation.reservations (reservation_id, user_id, schedule_id, queue_seq,
		    total_amount, hold_ttl_seconds, hold_expires_at, created_at, seat_limit)
		SELECT w.reservation_id, p_users[w.n]::uuid, p_schedules[w.n]::uuid, p_queue_seqs[w.n]::bigint,
		       w.total, p_hold_ttls[w.n]::int, v_now + make_interval(secs => p_hold_ttls[w.n]::int), v_now, w.seat_limit
		FROM unnest(v_ns, v_ids, v_totals, v_limits) w (n, reservation_id, total, seat_limit)
		ON CONFLICT ON CONSTRAINT queue_token_used_once DO NOTHING;
		GET DIAGNOSTICS v_made = ROW_COUNT;

		RETURN QUERY
		WITH taken AS (
			UPDATE reservation.seats s
			SET status = 'HOLD', reservation_id = c.reservation_id, hold_expires_at = c.hold_expires_at,
			    hold_epoch = s.hold_epoch + 1, changes = s.changes + 1, changed_xid = pg_current_xact_id()
			FROM unnest(v_seats, v_seat_ids, v_ends) c (seat_id, reservation_id, hold_expires_at)
			-- Named twice: also a plan made while there were few seats reads only these by their key.
			WHERE s.seat_id = c.seat_id AND s.seat_id = ANY (v_seats)
			  AND (s.status = 'AVAILABLE' OR s.status = 'HOLD' AND s.hold_expires_at <= v_now)
			RETURNING s.*),
		claimed AS (
			INSERT INTO reservation.reservation_seats (reservation_id, seat_id, schedule_id, hold_epoch)
			SELECT t.reservation_id, t.seat_id, t.schedule_id, t.hold_epoch FROM taken t),
		shown AS (
			SELECT t.reservation_id, string_agg('{"seatId":"' || t.seat_id || '","section":' || to_json(t.section)
			    || ',"row":"' || t.row_label || '","number":' || t.number || ',"grade":"' || t.grade
			    || '","price":' || t.price || '}', ', ' ORDER BY t.section_no, t.row_no, t.number) AS seats
			FROM taken t GROUP BY t.reservation_id)
		SELECT w.n, 'CREATED', CASE WHEN p_idempotency_keys[w.n] IS NULL THEN b.body
		    ELSE (platform.idempotency_end(p_users[w.n]::uuid, 'reservations.hold', p_idempotency_keys[w.n],
			p_request_hashes[w.n], platform.created(b.body, p_request_ids[w.n]))).body END,
		    NULL::text, false, p_request_ids[w.n]
		FROM unnest(v_ns, v_ids, v_totals, v_concerts) w (n, reservation_id, total, concert_id)
		JOIN shown o ON o.reservation_id = w.reservation_id
		-- Exactly as reservation_object writes it.
		CROSS JOIN LATERAL (SELECT '{"reservationId":"' || w.reservation_id || '","status":"HOLD","scheduleId":"'
		    || p_schedules[w.n]::uuid || '","concertId":"' || w.concert_id || '","seats":[' || o.seats
		    || '],"totalAmount":' || w.total
		    || ',"expiresAt":"' || platform.rfc3339(v_now + make_interval(secs => p_hold_ttls[w.n]::int))
		    || '","holdTtlSeconds":' || p_hold_ttls[w.n]::int || ',"holdSecondsLeft":' || p_hold_ttls[w.n]::int
		    || ',"payment":null,"refund":null,"createdAt":"'
		    || platform.rfc3339(v_now) || '"}' AS body) b;
		GET DIAGNOSTICS v_taken = ROW_COUNT;

		IF v_made <> cardinality(v_ns) OR v_taken <> cardinality(v_ns) OR (SELECT count(*) FROM reservation.reservation_seats c
		    WHERE c.reservation_id = ANY (v_ids)) <> cardinality(v_seats) THEN
			-- Cannot be: users and seats are locked. But then nothing of this may commit.
			RAISE EXCEPTION 'not all of % locked seats could be taken', cardinality(v_seats);
		END IF;
	END IF;

	RETURN QUERY
	SELECT a.n, h.* FROM unnest(v_alone) a (n), LATERAL reservation.hold(p_users[a.n]::uuid, p_schedules[a.n]::uuid,
	    p_seat_ids[a.n]::uuid[], p_grades[a.n], p_quantities[a.n]::int, p_queue_seqs[a.n]::bigint,
	    p_hold_ttls[a.n]::int, p_idempotency_keys[a.n], p_request_hashes[a.n], p_refusals[a.n], p_request_ids[a.n],
	    p_unpaid_holds_maxes[a.n]::int) h;
END
$$;
GRANT EXECUTE ON FUNCTION reservation.hold_many(text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[], text[])
	TO reservation_service;

-- As instances of the release before UNPAID_HOLDS_MAX call it: with its default. Dropped in the next release.
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
