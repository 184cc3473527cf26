-- tick: one round of admission. It ends overdue turns and silent waiters, then admits users under the cap and the rate.

-- Forgets ended places that are older than every valid token.
local function prune(keys, now)
	for _, key in ipairs({ keys[USED], keys[GONE] }) do
		local old = redis.call('ZRANGEBYSCORE', key, '0', text(now - TOKEN_LIFE), 'LIMIT', 0, PRUNE_MAX)
		local _ = #old > 0 and redis.call('ZREM', key, unpack(old))
	end
end

local function expire_overdue(keys, losses, time, now)
	local users = redis.call('ZRANGEBYSCORE', keys[ACTIVE], '-inf', text(time), 'LIMIT', 0, EXPIRE_MAX)
	for _, user in ipairs(users) do
		expire_active(keys, user, active_seq(keys, user), losses, now)
	end
	return #users
end

local function abandon_silent(keys, losses, since, patience, now)
	local oldest = now - silence_allowed(patience)
	if since >= oldest then
		return 0
	end
	local users = redis.call('ZRANGEBYSCORE', keys[HEARD], '-inf', '(' .. text(oldest), 'LIMIT', 0, REAP_MAX)
	for _, user in ipairs(users) do
		abandon(keys, user, waiting_seq(keys, user), losses, now)
	end
	return #users
end

-- Removes the noted estimates of these users. Returns pairs of milliseconds: the estimate, and the real wait.
local function take_guesses(keys, users, now)
	local waits = {}
	if #users == 0 then
		return waits
	end
	for _, guess in ipairs(redis.call('HMGET', keys[GUESSES], unpack(users))) do
		if guess then
			local entered, told = guess:match('(%d+) (%d+)')
			waits[#waits + 1] = tonumber(told) * 1000
			waits[#waits + 1] = math.max(0, math.floor((now - tonumber(entered)) / 1000))
		end
	end
	redis.call('HDEL', keys[GUESSES], unpack(users))
	return waits
end

-- Admits the first `number` waiters. Returns the last one's seq and take_guesses' result.
local function admit_first(keys, number, deadline, now)
	local popped = redis.call('ZPOPMIN', keys[WAITING], number)	-- user, seq, in order of seq
	local users, active_members, place_fields, sampled = {}, {}, {}, {}
	for i = 1, #popped, 2 do
		local user, seq = popped[i], tonumber(popped[i + 1])
		users[#users + 1] = user
		append_pairs(active_members, { [text(deadline)] = user })
		append_pairs(place_fields, { [user] = text(seq) })
		if is_sampled(user) then
			sampled[#sampled + 1] = user
		end
	end
	redis.call('ZREM', keys[HEARD], unpack(users))
	redis.call('ZADD', keys[ACTIVE], unpack(active_members))
	redis.call('HSET', keys[PLACES], unpack(place_fields))
	return tonumber(popped[#popped]), take_guesses(keys, sampled, now)
end

local TICK_FIELDS = { 'epoch', 'kept_by', 'opens', 'opened', 'settle', 'paid', 'busy', 'at', 'm', 'b', 'ticked', 'since', 'speed',
    'paused', 'draw', 'last', 'admitted_to', 'ended', 'cand', 'until', 'gap_from', 'gap_to',
    'mode', 'max_active', 'admit', 'max_waiting', 'ttl' }

-- The values that the steps of one tick share. `changes` are fields of the state that tick writes at the end.
local function round_of(keys, args, state, now)
	local time, ahead = served(now, state.ticked, state.paused)
	local set = settings(state, args, 1)
	set.admit = math.min(set.admit, (tonumber(args[SETTINGS + 2]) or math.huge) / TICK_SPEED_SCALE)
	return {
		keys = keys, now = now, state = state, set = set, changes = {},
		closes = tonumber(args[SETTINGS + 1]) or math.huge,
		losses = losses_from(state.epoch, state.draw, state.settle, state.gap_from, state.gap_to),
		time = time, ahead = ahead,			-- the served clock
		ticked = tonumber(state.ticked), since = tonumber(state.since),
		settle = tonumber(state.settle) or 0, paid = tonumber(state.paid) or 0,
		admitted_to = tonumber(state.admitted_to) or 0, ended = tonumber(state.ended) or 0,
		was_busy = state.busy == '1',			-- users were still waiting after the last tick
		admitted = 0, waits = {},
	}
end

local SETTLED = 1	-- value of `settle`: the queue has had a loss, and the settle time after it is over

-- If Redis' clock was set back, stored times are ahead of it. They would stop admission until the clock reaches them.
local function correct_times(round)
	local now, latest = round.now, round.now + round.set.settle
	if round.settle > latest then
		round.settle = latest
		round.changes.settle = text(latest)
	elseif round.settle > SETTLED and round.settle <= now then
		round.settle = SETTLED
		round.changes.settle = text(SETTLED)
	end
	if round.paid > now then
		round.paid = now
		round.changes.paid = text(now)
	end
end

-- No place up to this seq waits.
local function admitted_mark(round)
	local first = redis.call('ZRANGE', round.keys[WAITING], 0, 0, 'WITHSCORES')
	return #first > 0 and math.min(round.admitted_to, tonumber(first[2]) - 1) or round.admitted_to
end

-- Moves the mark `ended`. All places up to `cand` were admitted at an earlier time. They have had their turn when `until`
-- has passed: the latest deadline that an active turn had then. After a loss this waits until all places are back.
local function move_ended_mark(round)
	local until_time = tonumber(round.state['until']) or 0
	if round.time <= until_time or round.settle > round.now then
		return
	end
	local latest = redis.call('ZREVRANGE', round.keys[ACTIVE], 0, 0, 'WITHSCORES')
	local changes = round.changes
	round.ended = tonumber(round.state.cand) or 0
	changes.ended = text(round.ended)
	changes.cand = text(admitted_mark(round))
	changes['until'] = text(math.max(round.time, tonumber(latest[2]) or 0))
end

-- At most once per second: notes the time of the tick and does the slow work.
local function note_tick(round)
	local now, ticked, changes = round.now, round.ticked, round.changes
	local resumed = not ticked or now - ticked > GAP or now < ticked
	if resumed then
		round.since = now
		changes.since = text(now)
		changes.paused = text(round.ahead)
	end
	if resumed or now - ticked >= SECOND then
		changes.ticked = text(now)
		prune(round.keys, now)
		move_ended_mark(round)
	end
end

-- May the queue admit now? If the opening is not known (the data was lost), it waits until a call brings it.
local function may_admit(round)
	local set, now, state = round.set, round.now, round.state
	local opens = opening(state.opens, state.opened, now)
	if opens == 0 and state.opened ~= state.opens then
		round.changes.opened = state.opens
	end
	return set.mode ~= 'PAUSED' and set.admit > 0 and opens == 0 and now < round.closes and round.settle <= now
end

-- Admits users. `paid` is the time up to which admissions are paid for: each costs 1/rate of a second, so all callers
-- together admit at most `rate` users per second. At most one tick's time can be saved up. If users are still waiting, the
-- rest that did not suffice for one more user is saved too.
local function admit(round)
	local set, now = round.set, round.now
	local cost = SECOND / set.admit
	local savable = round.was_busy and set.tick + cost or math.max(set.tick, cost)
	-- Computed as a difference: microseconds since 1970 use all bits of a number, so there is no room for a
	-- fraction.
	local saved = math.min(now - round.paid, savable)
	local number = math.min(math.floor(saved / cost), set.max_active - round.active, round.waiting, ADMIT_MAX)
	if number <= 0 then
		return
	end
	local admitted_to, waits = admit_first(round.keys, number, round.time + set.ttl * SECOND, now)
	round.admitted, round.waits = number, waits
	round.changes.paid = string.format('%.3f', now - saved + number * cost)
	if admitted_to > round.admitted_to then
		round.admitted_to = admitted_to
		round.changes.admitted_to = text(admitted_to)
	end
	count(round.keys, 'admitted', number)
end

-- Measures the speed: `m` users were admitted in `b` seconds in which users waited; older values count less. Between
-- two tick times it writes only changes.
local function measure(round)
	local state, set, now, changes = round.state, round.set, round.now, round.changes
	local measured_at = tonumber(state.at) or 0
	if round.admitted == 0 and round.expired == 0 and now >= measured_at and now - measured_at < set.tick / 2 then
		return
	end
	local m, b = tonumber(state.m) or 0, tonumber(state.b) or 0
	if round.open and round.waiting > 0 then
		local passed = round.was_busy and math.min(math.max(now - measured_at, 0), GAP) or set.tick
		local kept = math.exp(-passed / (MEASURE_SECONDS * SECOND))
		m, b = m * kept + round.admitted, b * kept + passed / SECOND
		changes.m = string.format('%.6f', m)
		changes.b = string.format('%.6f', b)
	end
	local is_busy = round.open and round.waiting > round.admitted
	if is_busy ~= round.was_busy then
		changes.busy = is_busy and '1' or '0'
	end
	if is_busy or round.was_busy or round.waiting > 0 then
		changes.at = text(now)
	end
	local speed = speed_of(set, m, b, round.waiting - round.admitted, round.active + round.admitted)
	round.speed = string.format('%.4f', speed)
	if round.speed ~= state.speed then
		changes.speed = round.speed
	end
end

-- tick(settings; the end of the sale (us; 0: the sale is not open; missing in older releases: no end); this queue's share of
-- ADMISSIONS_MAX_PER_SECOND (users per TICK_SPEED_SCALE seconds; missing: no limit)).
-- Any worker may call it at any time. Answers waiting, active, admitted, expired, abandoned, generation;
-- last seq, admitted_to, ended (for the database); speed (users per TICK_SPEED_SCALE seconds); mode (NEW: call begin first);
-- and take_guesses' list.
local function tick(keys, args)
	local now = clock()
	local state = state_table(keys, TICK_FIELDS)
	local generation = tonumber(state.epoch)
	if not generation or state.kept_by ~= this_master() then
		return { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'NEW', {} }
	end
	remove_used(keys, now)
	local round = round_of(keys, args, state, now)
	correct_times(round)
	note_tick(round)
	round.expired = expire_overdue(keys, round.losses, round.time, now)
	local abandoned = abandon_silent(keys, round.losses, round.since, round.set.patience, now)
	round.waiting = redis.call('ZCARD', keys[WAITING])
	round.active = redis.call('ZCOUNT', keys[ACTIVE], '(' .. text(round.time), '+inf')
	round.open = may_admit(round)
	if round.open and round.waiting > 0 then
		admit(round)
	end
	measure(round)
	local changes = {}
	append_pairs(changes, round.changes)
	if #changes > 0 then
		redis.call('HSET', keys[STATE], unpack(changes))
	end
	local speed = tonumber(round.speed or state.speed or '0')
	return { round.waiting - round.admitted, round.active + round.admitted, round.admitted, round.expired, abandoned,
	    generation, tonumber(state.last), round.admitted_to, round.ended, math.floor(speed * TICK_SPEED_SCALE),
	    round.set.mode, round.waits }
end

