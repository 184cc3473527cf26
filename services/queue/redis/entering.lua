-- enter: users get a place, or are answered with the place that they have.

local ENTER_FIELDS = { 'epoch', 'kept_by', 'last', 'opens', 'opened', 'entered', 'speed', 'draw', 'ticked', 'paused',
    'mode', 'max_active', 'admit', 'max_waiting', 'ttl' }

-- The values that all users of one call share, and the changes that they make.
local function entering_of(keys, args, now)
	local state = state_table(keys, ENTER_FIELDS)
	local set = settings(state, args, 2)
	-- The first tick measures the speed. Until then the state keeps this speed, so that status answers the same
	-- wait.
	local first_speed = not state.speed and string.format('%.4f', speed_of(set, 0, 0, 1, 0)) or nil
	return {
		keys = keys, now = now, state = state, set = set,
		opens_text = args[1], opens = opening(args[1], state.opened, now),
		generation = tonumber(state.epoch), last = tonumber(state.last), draw = state.draw,
		first_speed = first_speed, speed = state.speed or first_speed,
		new_places = {},			-- by user
		waiting_members = {}, heard_members = {}, guess_fields = {},
	}
end

-- The answer for a user who has a place; nil if that place has just ended. `seq` is that of a waiting place, or nil.
local function held_place(entering, user, seq)
	local keys, now, state = entering.keys, entering.now, entering.state
	if seq then
		if note_heartbeat(keys, user, entering.set.patience, now) then
			return waiting_answer(keys, user, seq, entering.generation, entering.speed, entering.opens,
			    entering.draw, now, entering.waiting)
		end
		abandon(keys, user, seq, nil, now)
		entering.waiting = entering.waiting - 1
	end
	seq = active_seq(keys, user)
	if seq then
		local deadline = active_deadline(keys, user)
		local time, ahead = served(now, state.ticked, state.paused)
		if deadline > time then
			return answer('ACTIVE', seq, entering.generation, 0, deadline + ahead, 0)
		end
		expire_active(keys, user, seq, nil, now)
	end
	return nil
end

-- The answer for a user whom this very call has given a place already.
local function new_place_again(entering, place)
	local drawing = is_drawing(entering.draw, entering.opens, entering.now)
	local position = drawing and entering.waiting or place.position
	return answer('WAITING', place.seq, entering.generation, position, 0, place.wait)
end

local function new_place(entering, user, drawn)
	local now, seq, wait = entering.now, drawn, -1
	entering.waiting = entering.waiting + 1
	if drawn and entering.opens > 0 then
		entering.draw = entering.opens_text
	else
		seq = math.max(entering.last + 1, now)
		entering.last = seq
		if entering.opens == 0 and entering.state.opened ~= entering.opens_text then
			entering.opened = entering.opens_text
		end
		-- The highest seq is the last position.
		wait = expected_wait(entering.waiting, entering.speed, entering.opens, now)
		if wait >= 0 and is_sampled(user) then
			append_pairs(entering.guess_fields, { [user] = text(now) .. ' ' .. wait })
		end
	end
	append_pairs(entering.waiting_members, { [text(seq)] = user })
	append_pairs(entering.heard_members, { [text(now)] = user })
	entering.new_places[user] = { seq = seq, position = entering.waiting, wait = wait }
	return answer('WAITING', seq, entering.generation, entering.waiting, 0, wait, 1)
end

-- `seq`: of the user's waiting place, or nil; `is_active`: the user has an active one. Both as before this call.
local function enter_one(entering, user, drawn, seq, is_active)
	local place = entering.new_places[user]
	if place then
		return new_place_again(entering, place)
	end
	local held = (seq or is_active) and held_place(entering, user, seq)
	if held then
		return held
	elseif entering.set.mode == 'CLOSED' then
		return answer('QUEUE_CLOSED', 0, entering.generation, 0, 0, -1)
	elseif entering.waiting >= entering.set.max_waiting then
		local wait = expected_wait(1, entering.speed, entering.opens, entering.now)
		return answer('QUEUE_FULL', 0, entering.generation, 0, 0, wait)
	end
	return new_place(entering, user, drawn)
end

local function save_entered(entering)
	local keys, entered = entering.keys, #entering.waiting_members / 2
	if entered == 0 then
		return
	end
	local changes = {}
	append_pairs(changes, { last = text(entering.last), opens = entering.opens_text,
	    entered = text((entering.state.entered or 0) + entered),
	    draw = entering.draw, opened = entering.opened, speed = entering.first_speed })
	redis.call('HSET', keys[STATE], unpack(changes))
	redis.call('ZADD', keys[WAITING], unpack(entering.waiting_members))
	redis.call('ZADD', keys[HEARD], unpack(entering.heard_members))
	local _ = #entering.guess_fields > 0 and redis.call('HSET', keys[GUESSES], unpack(entering.guess_fields))
end

-- enter(opening of the sale (us, 0: it has opened), settings; then for each user, in the order of arrival: user, drawn
-- seq ('': by arrival)). Further states of the answer: NEW (call begin first), QUEUE_CLOSED, QUEUE_FULL.
local function enter(keys, args)
	local first_user = 2 + SETTINGS
	local entering = entering_of(keys, args, clock())
	local answers = answers_begin(entering.speed, entering.opens, entering.set.mode, entering.now)
	if not entering.generation or entering.state.kept_by ~= this_master() then
		for _ = first_user, #args, 2 do
			answers[#answers + 1] = answer('NEW', 0, 0, 0, 0, -1)
		end
		return answers
	end
	remove_used(keys, entering.now)

	local users, drawn_seqs = {}, {}
	for i = first_user, #args, 2 do
		users[#users + 1] = args[i]
		drawn_seqs[#users] = tonumber(args[i + 1])
	end
	local waiting_seqs = redis.call('ZMSCORE', keys[WAITING], unpack(users))
	local active_seqs = redis.call('HMGET', keys[PLACES], unpack(users))
	entering.waiting = redis.call('ZCARD', keys[WAITING])
	for i, user in ipairs(users) do
		answers[#answers + 1] = enter_one(entering, user, drawn_seqs[i], tonumber(waiting_seqs[i]), active_seqs[i])
	end
	save_entered(entering)
	return answers
end

