-- Which places this Redis may have lost.
--
-- There are two kinds of loss. After a full loss a new generation begins: tokens of earlier generations name places
-- that this data set never had. After a restart, or when a replica takes over, the newest writes may be missing: begin
-- notes a gap, and the places with a seq in it (above gap_from, up to gap_to) may be missing. The old master may go on for
-- a moment without knowing that it is replaced, so the gap ends FENCE later.
-- A drawn seq is the same in every generation, so it is always treated as one from before.

-- `settle` is 0 if there was no earlier generation.
local function losses_from(generation, draw, settle, gap_from, gap_to)
	return {
		generation = tonumber(generation), draw = tonumber(draw) or 0,
		has_earlier = (tonumber(settle) or 0) ~= 0,
		gap_from = tonumber(gap_from) or 0, gap_to = tonumber(gap_to) or 0,
	}
end

local function losses_of(keys)
	local generation, draw, settle, gap_from, gap_to, kept_by, last =
	    state_values(keys, 'epoch', 'draw', 'settle', 'gap_from', 'gap_to', 'kept_by', 'last')
	if generation and kept_by ~= this_master() then
		-- Redis has restarted, or is the master again, and begin was not called yet. So it has given no place since then.
		return losses_from(generation, draw, settle, last, math.huge)
	end
	return losses_from(generation, draw, settle, gap_from, gap_to)
end

-- No place above this seq was lost; 0: no place was lost.
local function lost_up_to(losses, now)
	local earlier = losses.has_earlier and losses.generation - 1 or 0
	return math.max(earlier, losses.gap_to == math.huge and now or losses.gap_to)
end

local function is_in_gap(losses, seq)
	return seq > losses.gap_from and seq <= losses.gap_to
end

local function is_before_loss(losses, seq)
	return not losses.generation or seq < math.max(losses.generation, losses.draw) or is_in_gap(losses, seq)
end

-- For a place that is not here: may it have been lost? If not, it has ended.
local function may_be_lost(losses, seq, token_generation)
	return token_generation ~= losses.generation or losses.gap_to > 0 and is_before_loss(losses, seq)
end

