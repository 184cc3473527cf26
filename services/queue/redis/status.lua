-- status and leave: users ask for their places, and give them up.

-- `asking` is what status was called with. The sale's opening and the speed may have changed since the call began.
local function waiting_now(keys, user, seq, token_generation, asking)
	local speed, known_opens, draw, opened = state_values(keys, 'speed', 'opens', 'draw', 'opened')
	local opens = opening(asking.opens ~= '' and asking.opens or known_opens, opened, asking.now)
	return waiting_answer(keys, user, seq, token_generation, speed, opens, draw, asking.now)
end

-- Returns the answer if the user's active place decides it, else nil. While a place is active, no other place of the
-- user is put back.
local function status_while_active(keys, user, seq, token_generation, now)
	local active = active_seq(keys, user)
	if not active then
		return nil
	end
	local deadline = active_deadline(keys, user)
	local time, ahead = served_now(keys, now)
	if active == seq and deadline > time then
		return answer('ACTIVE', seq, token_generation, 0, deadline + ahead, 0)
	end
	if deadline <= time then
		expire_active(keys, user, active, nil, now)
	end
	if active == seq or deadline > time then
		return answer('EXPIRED', seq, token_generation, 0, 0, -1)
	end
	return nil
end

-- The answer about one place in any state.
local function status_of(keys, user, seq, token_generation, asking)
	if redis.call('ZSCORE', keys[USED], place_member(user, seq)) then
		return answer('USED', seq, token_generation, 0, 0, 0)
	end
	local placed = waiting_seq(keys, user)
	if placed == seq then
		if note_heartbeat(keys, user, asking.patience, asking.now) then
			return waiting_now(keys, user, seq, token_generation, asking)
		end
		abandon(keys, user, seq, nil, asking.now)
		return answer('EXPIRED', seq, token_generation, 0, 0, -1)
	end
	local decided = status_while_active(keys, user, seq, token_generation, asking.now)
	if decided then
		return decided
	end
	if not is_begun(keys) then
		return answer('NEW', seq, token_generation, 0, 0, -1)
	end
	local back = put_back(keys, user, seq, token_generation, placed, asking)
	if back == 'YES' then
		return waiting_now(keys, user, seq, token_generation, asking)
	end
	return answer(back == 'ASK' and 'ASK' or 'EXPIRED', seq, token_generation, 0, 0, -1)
end

-- status(opening of the sale (us, '': not known to the caller), patience, settle, '1' if the database says that no hold was
-- made with these places, time of the draw (us, '': none); then for each place: user, seq, generation).
-- Further states of the answer: EXPIRED, NEW (call begin first), ASK (ask the database, then call again with '1').
-- A call is the heartbeat of its users.
local function status(keys, args)
	local opens, patience, settle, unused, draw = unpack(args, 1, 5)
	local now = clock()
	local asking = { opens = opens, draw = draw, patience = tonumber(patience), settle = tonumber(settle),
	    unused = unused == '1', now = now }
	local users = {}
	for i = 6, #args, 3 do
		users[#users + 1] = args[i]
	end
	remove_used(keys, now)
	local generation, speed, known_opens, known_draw, opened, mode =
	    state_values(keys, 'epoch', 'speed', 'opens', 'draw', 'opened', 'mode')
	if generation and opens ~= '' and opens ~= known_opens then
		redis.call('HSET', keys[STATE], 'opens', opens)
		known_opens = opens
	end
	local opens_at = opening(known_opens, opened, now)
	local drawing = is_drawing(known_draw, opens_at, now)
	local seqs = redis.call('ZMSCORE', keys[WAITING], unpack(users))
	local heards = redis.call('ZMSCORE', keys[HEARD], unpack(users))
	local answers = answers_begin(speed, opens_at, mode, now)
	local changed = {}	-- users whose place may have changed since it was read above

	for i, user in ipairs(users) do
		local seq, token_generation, heard = args[4 + 3 * i], args[5 + 3 * i], tonumber(heards[i])
		if seqs[i] == seq and not drawing and not changed[user] and heard and is_heard_lately(heard, asking.patience, now) then
			-- The usual case: the user waits, and asked a short time ago.
			answers[#answers + 1] = redis.call('ZRANK', keys[WAITING], user) + 1
		else
			changed[user] = true
			answers[#answers + 1] = status_of(keys, user, tonumber(seq), tonumber(token_generation), asking)
		end
	end
	return answers
end

-- leave(user, seq, generation): ends the place in any state. May be repeated. Answers 1 if there was a place.
local function leave(keys, args)
	local user, seq, token_generation = args[1], tonumber(args[2]), tonumber(args[3])
	local now = clock()
	local losses = losses_of(keys)

	remove_used(keys, now)
	local had_turn = active_seq(keys, user) == seq
	if had_turn then
		drop_active(keys, user)
	elseif waiting_seq(keys, user) == seq then
		drop_waiting(keys, user)
	else
		if may_be_lost(losses, seq, token_generation) then
			note_ended_up_to(keys, user, seq)
		end
		return 0
	end
	note_end(keys, user, seq, had_turn, losses, now)
	count(keys, 'left', 1)
	return 1
end

