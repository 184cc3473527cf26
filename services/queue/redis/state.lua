-- The state hash, the settings and the clocks.

local SECOND = 1000000
local TOKEN_LIFE = TOKEN_LIFE_SECONDS * SECOND
local GAP = GAP_SECONDS * SECOND
local FENCE = FENCE_SECONDS * SECOND
local PLACE_BYTES = 24

local function clock()
	local seconds, microseconds = unpack(redis.call('TIME'))
	return seconds * SECOND + microseconds
end

-- A number as Redis must store it. Lua's own conversion rounds 16 digits to 14.
local function text(number)
	return string.format('%.0f', number)
end

-- The values of the named fields, in order; false for a field that is not set.
local function state_values(keys, ...)
	return unpack(redis.call('HMGET', keys[STATE], ...))
end

-- The named fields as a table of texts; nil for a field that is not set.
local function state_table(keys, fields)
	local values = redis.call('HMGET', keys[STATE], unpack(fields))
	local state = {}
	for i, field in ipairs(fields) do
		state[field] = values[i] or nil
	end
	return state
end

local function count(keys, field, number)
	redis.call('HINCRBY', keys[STATE], field, number)
end

-- Appends each key and value of `pairs_by_key` to a list, as HSET and ZADD take them.
local function append_pairs(list, pairs_by_key)
	for field, value in pairs(pairs_by_key) do
		list[#list + 1] = field
		list[#list + 1] = value
	end
end

-- A place as a member of `used`.
local function place_member(user, seq)
	return user .. struct.pack('>I8', seq)
end

local function place_of_member(member)
	return member:sub(1, 16), struct.unpack('>I8', member, 17)
end

-- The master that executes this: its process, and its time as a master. A restart changes the first, and each failover the
-- second, also one back to a process that was the master before. Loading the library again changes neither.
local run_id
local function this_master()
	run_id = run_id or redis.call('INFO', 'server'):match('run_id:(%x+)')
	return run_id .. redis.call('INFO', 'replication'):match('master_replid:(%x+)')
end

-- Does this master keep the queue? Otherwise the service must call begin first.
local function is_begun(keys)
	local generation, kept_by = state_values(keys, 'epoch', 'kept_by')
	return generation and kept_by == this_master()
end

-- The fields that operators set. If one is not set, the setting of the service applies.
local OPERATOR_FIELDS = { 'mode', 'max_active', 'admit', 'max_waiting', 'ttl' }

-- The number of the service's settings in ARGV: patience, settle, tick (us), then max_active, admit, max_waiting, ttl (s).
local SETTINGS = 7

-- `state` holds the operators' fields. `args` holds the service's settings from index `first` on.
local function settings(state, args, first)
	local patience, settle, tick, max_active, admit, max_waiting, ttl = unpack(args, first, first + SETTINGS - 1)
	return {
		patience = tonumber(patience), settle = tonumber(settle), tick = tonumber(tick),
		mode = state.mode or 'OPEN',
		max_active = tonumber(state.max_active or max_active),
		admit = tonumber(state.admit or admit),
		max_waiting = tonumber(state.max_waiting or max_waiting),
		ttl = tonumber(state.ttl or ttl),
	}
end

-- Deadlines of active turns are times of the served clock. It runs while ticks come and never goes back:
-- after a time without ticks it has advanced by GAP at most, and it ignores a step back of Redis' clock.
-- `paused` is the difference between the two clocks at the last tick.
-- Returns the served time, and how far `now` is ahead of it.
local function served(now, ticked, paused)
	ticked = tonumber(ticked)
	local time = now - (tonumber(paused) or 0)
	if ticked and now - ticked > GAP then
		time = time - (now - ticked - GAP)
	elseif ticked and now < ticked then
		time = time + (ticked - now)
	end
	return time, now - time
end

local function served_now(keys, now)
	local ticked, paused = state_values(keys, 'ticked', 'paused')
	return served(now, ticked, paused)
end

-- When the sale opens; 0 if it has opened, nil if the time is not known. `opened` is the opening that has passed. It makes
-- a sale stay open when the clock is set back: otherwise a later user could draw a place in front.
local function opening(opens, opened, now)
	opens = tonumber(opens)
	if opens and (opens <= now or opens == tonumber(opened)) then
		return 0
	end
	return opens
end

-- Before a draw there is no order. `opens` is the result of opening().
local function is_drawing(draw, opens, now)
	return draw and now < (opens or tonumber(draw))
end

