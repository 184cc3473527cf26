-- control_get and control_set: what operators see and set.

-- Returns the numbers of active places, of overdue places, and of used places that remove_used has not seen yet. The
-- first two do not count the third.
local function count_active(keys, time)
	local active = redis.call('ZCOUNT', keys[ACTIVE], '(' .. text(time), '+inf')
	local overdue = redis.call('ZCOUNT', keys[ACTIVE], '-inf', text(time))
	local members = new_used_members(keys)
	for _, member in ipairs(members) do
		if #member == PLACE_BYTES then
			local user, seq = place_of_member(member)
			if active_seq(keys, user) == seq and active_deadline(keys, user) > time then
				active = active - 1
			elseif active_seq(keys, user) == seq then
				overdue = overdue - 1
			end
		end
	end
	return active, overdue, #members
end

local CONTROL_FIELDS = { 'mode', 'max_active', 'admit', 'max_waiting', 'ttl', 'admitted', 'used', 'expired', 'abandoned',
    'updated_by', 'updated_at', 'ticked', 'paused', 'revision', 'kept_by' }

-- control_get(settings). Answers, for operators: mode (NEW: call begin first), max_active, admit, max_waiting, ttl; waiting,
-- active, admitted, used, expired (overdue turns count at once); operator ('': none), time (ms). Then, for the database:
-- revision and the operators' fields ('': not set).
local function control_get(keys, args)
	local now = clock()
	local state = state_table(keys, CONTROL_FIELDS)
	local set = settings(state, args, 1)
	local active, overdue, newly_used = count_active(keys, (served(now, state.ticked, state.paused)))
	local function number(field)
		return tonumber(state[field]) or 0
	end
	return {
		state.kept_by == this_master() and set.mode or 'NEW', set.max_active, set.admit, set.max_waiting, set.ttl,
		redis.call('ZCARD', keys[WAITING]), active,
		number('admitted'), number('used') + newly_used, number('expired') + number('abandoned') + overdue,
		state.updated_by or '', number('updated_at'),
		number('revision'),
		state.mode or '', state.max_active or '', state.admit or '', state.max_waiting or '', state.ttl or '',
	}
end

-- control_set(settings, operator, then pairs of an operators' field and its value, which the caller has checked).
-- Answers as control_get.
local function control_set(keys, args)
	if not is_begun(keys) then
		return control_get(keys, args)
	end
	local updated_by = args[SETTINGS + 1]
	redis.call('HSET', keys[STATE], 'updated_by', updated_by, 'updated_at', text(clock() / 1000),
	    unpack(args, SETTINGS + 2))
	count(keys, 'revision', 1)
	-- The speed was measured under other settings.
	redis.call('HDEL', keys[STATE], 'm', 'b')
	local set = settings(state_table(keys, OPERATOR_FIELDS), args, 1)
	local speed = speed_of(set, 0, 0, redis.call('ZCARD', keys[WAITING]), redis.call('ZCARD', keys[ACTIVE]))
	redis.call('HSET', keys[STATE], 'speed', string.format('%.4f', speed))
	return control_get(keys, args)
end

