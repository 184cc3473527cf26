-- How places end, and the heartbeat of waiters.

-- Notes that all places of the user up to `seq` have ended.
local function note_ended_up_to(keys, user, seq)
	redis.call('ZADD', keys[GONE], 'GT', text(seq), user)
	redis.call('EXPIRE', keys[GONE], TOKEN_LIFE / SECOND)
end

local function has_ended(keys, user, seq)
	local ended_up_to, ended_alone = unpack(redis.call('ZMSCORE', keys[GONE], user, place_member(user, seq)))
	return ended_alone or seq <= (tonumber(ended_up_to) or -1)
end

-- Notes the end of a place while tokens of lost places may come back. A user has one place at a time, so all earlier
-- places of the user have ended too. After an active turn all lost places of the user have ended: all old tokens of a user
-- together are worth one turn. `losses` is nil if the caller has not read them.
local function note_end(keys, user, seq, had_turn, losses, now)
	losses = losses or losses_of(keys)
	local lost = lost_up_to(losses, now)
	if is_before_loss(losses, seq) or lost > 0 and now - math.max(lost, losses.draw) <= TOKEN_LIFE then
		note_ended_up_to(keys, user, had_turn and math.max(seq, lost) or seq)
	end
end

-- One waiter in eight, by the last byte of the user's id. For these the estimated wait is compared with the real one.
local function is_sampled(user)
	return string.byte(user, #user) % 8 == 0
end

local function drop_waiting(keys, user)
	redis.call('ZREM', keys[WAITING], user)
	redis.call('ZREM', keys[HEARD], user)
	if is_sampled(user) then
		redis.call('HDEL', keys[GUESSES], user)
	end
end

local function drop_active(keys, user)
	redis.call('ZREM', keys[ACTIVE], user)
	redis.call('HDEL', keys[PLACES], user)
end

local function expire_active(keys, user, seq, losses, now)
	drop_active(keys, user)
	note_end(keys, user, seq, true, losses, now)
	count(keys, 'expired', 1)
end

local function abandon(keys, user, seq, losses, now)
	drop_waiting(keys, user)
	note_end(keys, user, seq, false, losses, now)
	count(keys, 'abandoned', 1)
end

-- The seq of the user's waiting or active place; nil if there is none.
local function waiting_seq(keys, user)
	return tonumber(redis.call('ZSCORE', keys[WAITING], user))
end

local function active_seq(keys, user)
	return tonumber(redis.call('HGET', keys[PLACES], user))
end

local function active_deadline(keys, user)
	return tonumber(redis.call('ZSCORE', keys[ACTIVE], user))
end

-- Members of `used` that remove_used has not seen yet, at most EXPIRE_MAX.
local function new_used_members(keys)
	return redis.call('ZRANGEBYSCORE', keys[USED], '-inf', '(0', 'LIMIT', 0, EXPIRE_MAX)
end

local function remove_used_place(keys, user, seq, losses, now)
	local is_active = active_seq(keys, user) == seq
	if is_active then
		drop_active(keys, user)
	elseif waiting_seq(keys, user) == seq then
		drop_waiting(keys, user)
	end
	note_end(keys, user, seq, is_active, losses, now)
	count(keys, 'used', 1)
end

-- Removes the places that `use` has noted. Every function of the queue service does this first. The note itself is
-- changed last: a caller without the rights for the other writes changes nothing.
local function remove_used(keys, now)
	local members = new_used_members(keys)
	local losses = #members > 0 and losses_of(keys)
	for _, member in ipairs(members) do
		if #member ~= PLACE_BYTES then
			redis.call('ZREM', keys[USED], member)	-- not a place: not written by `use`
		else
			local user, seq = place_of_member(member)
			remove_used_place(keys, user, seq, losses, now)
			redis.call('ZADD', keys[USED], 'XX', text(now), member)
		end
	end
end

-- How long a waiter may be silent. A heartbeat is noted only if the last note is older than a HEARTBEAT_PARTS-th of the
-- patience, so that most polls write nothing. For the same time a worker may skip the function call (heartbeats.h).
-- Both times are added to the waiter's patience.
local function silence_allowed(patience)
	return patience * (HEARTBEAT_PARTS + 2) / HEARTBEAT_PARTS
end

-- Was the waiter silent too long? Time without ticks does not count, because the service could not note heartbeats
-- then.
local function is_silent(keys, heard, patience, now)
	if now - heard <= silence_allowed(patience) then
		return false
	end
	local ticked, since = state_values(keys, 'ticked', 'since')
	ticked, since = tonumber(ticked), tonumber(since)
	return ticked and since and now - ticked <= GAP and now - since > silence_allowed(patience)
end

local function is_heard_lately(heard, patience, now)
	return heard <= now and now - heard <= patience / HEARTBEAT_PARTS
end

-- Notes the heartbeat of a waiter. Returns false if it comes too late.
local function note_heartbeat(keys, user, patience, now)
	local heard = tonumber(redis.call('ZSCORE', keys[HEARD], user)) or 0
	if is_heard_lately(heard, patience, now) then
		return true
	end
	if is_silent(keys, heard, patience, now) then
		return false
	end
	redis.call('ZADD', keys[HEARD], text(now), user)
	return true
end

