-- Beginning a queue, and putting back places after a loss.

-- The queue is here, but the places above `last` may be missing after the restart, also those that the old master gives
-- while it is not fenced. New places are behind all of them, so their seqs may be in the future. The new gap includes the
-- earlier one if that is not settled yet, or if the data here is older than its settling. Heartbeats may be missing too, so
-- every waiter's silence counts from now.
local function begin_again(keys, state, settle, known_last, now)
	local last, ticked = tonumber(state.last), tonumber(state.ticked)
	local gap_from, gap_to = tonumber(state.gap_from), tonumber(state.gap_to)
	local from, to = last, math.max(last, known_last, now) + FENCE
	if gap_to and (not ticked or ticked - gap_to <= settle) then
		from = gap_from
	end
	redis.call('HSET', keys[STATE], 'kept_by', this_master(), 'last', text(to), 'gap_from', text(from), 'gap_to', text(to),
	    'since', text(now))
end

-- A new generation. `known_generation` is 0 if the database knows no earlier one.
local function begin_new(keys, settle, known_generation, known_last, admitted_to, ended, now)
	local generation = math.max(now, known_generation + 1, known_last + 1)
	redis.call('HSET', keys[STATE], 'epoch', text(generation), 'kept_by', this_master(), 'last', text(generation - 1),
	    'settle', text(known_generation > 0 and now + settle or 0))
	if known_generation > 0 then
		redis.call('HSET', keys[STATE], 'admitted_to', admitted_to, 'cand', ended, 'ended', ended,
		    'lost_admitted', admitted_to, 'lost_ended', ended)
	end
end

-- Takes over what operators set, if the database has a later revision.
local function restore_operator_fields(keys, revision, updated_by, updated_at, values)
	redis.call('HDEL', keys[STATE], 'm', 'b')	-- measured under other settings
	redis.call('HSET', keys[STATE], 'revision', revision, 'updated_by', updated_by, 'updated_at', updated_at)
	for i, field in ipairs(OPERATOR_FIELDS) do
		if values[i] ~= '' then
			redis.call('HSET', keys[STATE], field, values[i])
		end
	end
end

-- begin(settle (us); from the database: the earlier generation (0: none), its last seq, admitted_to, ended; revision,
-- operator, time (ms), then the operators' fields ('': not set)).
-- admitted_to: no place up to this seq waits. ended: all places up to this seq have had their turn.
-- Answers 1: a new generation; 2: the queue is here, but another master kept it; 0: nothing to do.
-- After a loss the queue admits nobody for `settle`, so that all waiters can come back.
local function begin(keys, args)
	local now = clock()
	local state = state_table(keys, { 'epoch', 'kept_by', 'last', 'gap_from', 'gap_to', 'revision', 'ticked' })
	if state.epoch and state.kept_by == this_master() then
		return 0
	end
	local settle, known_generation, known_last, admitted_to, ended, revision, updated_by, updated_at = unpack(args, 1, 8)
	settle, known_generation, known_last = tonumber(settle), tonumber(known_generation), tonumber(known_last)
	if state.epoch then
		begin_again(keys, state, settle, known_last, now)
	else
		begin_new(keys, settle, known_generation, known_last, admitted_to, ended, now)
	end
	if tonumber(revision) > (tonumber(state.revision) or 0) then
		restore_operator_fields(keys, revision, updated_by, updated_at, { unpack(args, 9) })
	end
	return state.epoch and 2 or 1
end

-- May a lost place of an earlier generation come back? 'YES'; 'NO': its turn is over; 'ASK': it may have been
-- used, and the database knows. Users are admitted in order of seq, so the marks admitted_to and ended decide.
local function may_return(lost_admitted, lost_ended, seq)
	if seq <= (tonumber(lost_ended) or 0) then
		return 'NO'
	end
	return seq <= (tonumber(lost_admitted) or 0) and 'ASK' or 'YES'
end

-- May this place come back? Answers as may_return. `unused`: the database says that no hold was made with it.
local function judge_return(keys, user, seq, token_generation, state, losses, unused, now)
	if not may_be_lost(losses, seq, token_generation) or now - seq > TOKEN_LIFE or has_ended(keys, user, seq) then
		return 'NO'
	end
	local may = may_return(state.lost_admitted, state.lost_ended, seq)
	if may == 'YES' and (losses.generation == token_generation or is_in_gap(losses, seq)) then
		may = 'ASK'	-- after a restart the exact value of admitted_to is not known
	end
	return may == 'ASK' and unused and 'YES' or may
end

-- Puts the place back into the line, and moves the marks that it contradicts.
local function restore_place(keys, user, seq, state, draw, now)
	local changes = {}
	if draw ~= '' then
		append_pairs(changes, { draw = draw })
	end
	-- A drawn seq says nothing about the last arrival.
	if seq > tonumber(state.last) and seq >= (tonumber(draw) or 0) then
		append_pairs(changes, { last = text(seq) })
	end
	-- From this place on it is not certain that all have had their turn.
	for _, field in ipairs({ 'cand', 'ended' }) do
		if seq <= (tonumber(state[field]) or 0) then
			append_pairs(changes, { [field] = text(seq - 1) })
		end
	end
	if #changes > 0 then
		redis.call('HSET', keys[STATE], unpack(changes))
	end
	redis.call('ZADD', keys[WAITING], text(seq), user)
	redis.call('ZADD', keys[HEARD], text(now), user)
	-- Instances of an earlier release (queue2) copy the line, and learn from this count that their copy lacks a place.
	count(keys, 'restored', 1)
end

local PUT_BACK_FIELDS = { 'epoch', 'last', 'settle', 'lost_admitted', 'lost_ended', 'cand', 'ended', 'gap_from', 'gap_to' }

-- Puts back a place that is not here, if it was lost and may return. Answers as may_return. `placed` is the seq of
-- another waiting place of the user. `asking` is what status was called with.
local function put_back(keys, user, seq, token_generation, placed, asking)
	local state = state_table(keys, PUT_BACK_FIELDS)
	local losses = losses_from(state.epoch, asking.draw, state.settle, state.gap_from, state.gap_to)
	local may = judge_return(keys, user, seq, token_generation, state, losses, asking.unused, asking.now)
	if may ~= 'YES' then
		return may
	end
	if losses.generation ~= token_generation and tonumber(state.settle) == 0 then
		-- The database did not know of the earlier generation. This token proves that there was one.
		redis.call('HSET', keys[STATE], 'settle', text(losses.generation + asking.settle))
	end
	if placed and (placed < losses.generation or is_in_gap(losses, placed)) then
		-- Both places are from before the loss. The user had one at a time, so the later one was the last.
		if seq < placed then
			return 'NO'
		end
		note_ended_up_to(keys, user, placed)
	end
	restore_place(keys, user, seq, state, asking.draw, asking.now)
	return 'YES'
end

