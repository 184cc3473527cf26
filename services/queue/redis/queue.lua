#!lua name=queue2
--
-- The queue of one schedule: who waits, in what order, who may choose seats now.
-- Each function is one step that nothing can come between, takes its time from
-- Redis' own clock and touches a bounded number of members.
--
-- A user has one place: WAITING -> ACTIVE -> USED, or it ends EXPIRED (the
-- deadline passed, or nothing was heard of the waiter) or left. The place is
-- named by its seq, microseconds that only ever grow: first come, first served.
--
-- KEYS, all of one schedule and under one hash tag, the same in every function
-- (shared/src/queue_store.c names them):
--   1 state    hash: epoch, last seq, what operators set, counters, admission clock
--   2 waiting  sorted set: user (16 bytes) by seq
--   3 heard    sorted set: waiting user by when it last asked
--   4 active   sorted set: user by deadline
--   5 places   hash: active user -> seq
--   6 used     sorted set: user and seq (24 bytes) by when; below zero until it is out of the line (take_used_out)
--   7 gone     sorted set: user by a seq: the user's places up to there are over, should their tokens come back (forget).
--              Members of 24 bytes (user and seq, by when) are ended places that the release before noted
--   8 guesses  hash: one waiter in eight -> when it entered and what wait it was told
--   9 changes  list: seqs of who last left the line before their turn, for workers' copies (line)
--
-- Store loss: `epoch` is when this store began to keep the queue. A queue that
-- this store does not have is answered NEW: the service asks the database what
-- it remembers (operators' settings, how far the line had come) and calls begin.
-- A token of another epoch was given by a store that is no more, and its place is
-- put back at its own seq. `gone` remembers which of those must not come back: a user has one place at a time, so
-- where one has ended, all before it have. A user with a turn since the loss gets no other turn by old tokens.
--
-- A restart, or a replica that takes over, may have lost what was written last.
-- `run` is the server that keeps the queue; under another one all is NEW until
-- begin was called again. It notes between which places some may have been lost
-- (`gap_from`, `gap_to`): tokens of those come back as those of another epoch do.
--
-- The draw: where a schedule asks for it, whoever enters before the sale opens
-- has a drawn seq, below `opens`, that the service works out from the user and
-- the schedule's seed. All else is as in every queue: first by seq.
--
-- Rights: Redis checks each command of a function against the rights of its caller (deploy/redis/users.acl). The
-- reservation service may write to `used` and to no other key, so its password admits no user.
--
-- Names carry a version. Whoever changes KEYS, ARGV or an answer makes the next
-- one, so that instances of before and after can run side by side. An argument at the
-- end that older functions pass over, and that may be missing, is no such change.

local STATE, WAITING, HEARD, ACTIVE, PLACES, USED, GONE, GUESSES, CHANGES = 1, 2, 3, 4, 5, 6, 7, 8, 9

local SECOND = 1000000
local TOKEN_LIFE = 7 * 86400 * SECOND	-- an unknown place older than this is not looked into
local GAP = 5 * SECOND			-- no tick for so long: the queue was not being served
local MEASURE = 60 * SECOND		-- what the measured speed forgets over
local SETTLED = 1			-- as `settle`: the time after a loss is over
local EXPIRE_MAX, REAP_MAX, ADMIT_MAX, PRUNE_MAX, LINE_READ_MAX = 500, 200, 250, 100, 1000	-- members a call
local CHANGES_KEPT = 4000		-- at least so many, at most twice; and after the last one
local CHANGES_LIFE = 3600		-- for so many seconds

local function clock()
	local t = redis.call('TIME')
	return t[1] * SECOND + t[2]
end

-- Numbers as Redis shall keep them: Lua's own form would round 16 digits to 14.
local function text(n)
	return string.format('%.0f', n)
end

local function place_of(user, seq)
	return user .. struct.pack('>I8', seq)
end

local function count(keys, field, n)
	redis.call('HINCRBY', keys[STATE], field, n)
end

-- This server's process. It outlives the library's being loaded again, but no restart.
local run_id
local function run()
	run_id = run_id or redis.call('INFO', 'server'):match('run_id:(%x+)')
	return run_id
end

local function is_begun(keys)
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'run')
	return s[1] and s[2] == run()
end

-- What this store may be asked about and not know: the places of an earlier store, drawn ones
-- (the same in every store), and those above `from` up to `to`, lost by a restart.
-- `settle` is 0 where there was no earlier store.
local function past(epoch, draw, settle, from, to)
	return { epoch = tonumber(epoch), draw = tonumber(draw) or 0, is_second = (tonumber(settle) or 0) ~= 0,
	    from = tonumber(from) or 0, to = tonumber(to) or 0 }
end

local function past_of(keys)
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'draw', 'settle', 'gap_from', 'gap_to', 'run', 'last')
	if s[1] and s[6] ~= run() then
		return past(s[1], s[2], s[3], s[7], math.huge)	-- not begun again: it has given none since
	end
	return past(s[1], s[2], s[3], s[4], s[5])
end

-- No place above this one was lost; 0: none was.
local function lost_up_to(before, now)
	return math.max(before.is_second and before.epoch - 1 or 0, before.to == math.huge and now or before.to)
end

local function is_in_gap(before, seq)
	return seq > before.from and seq <= before.to
end

local function is_past(before, seq)
	return not before.epoch or seq < math.max(before.epoch, before.draw) or is_in_gap(before, seq)
end

-- May the place of this token, which is not known, have been lost? If not, it has ended.
local function is_lost(before, seq, token_epoch)
	return token_epoch ~= before.epoch or before.to > 0 and is_past(before, seq)
end

-- ACTIVE deadlines go by the time in which the queue was served, which only ever
-- goes on: when nothing ticked (the store or all of the service were away), all but
-- GAP of that time is given back; when the clock was set back, the step is taken out.
-- `paused` is how much both have been, as of the last tick.
-- Answers that time, and how far the clock is ahead of it.
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

local function served_of(keys, now)
	local s = redis.call('HMGET', keys[STATE], 'ticked', 'paused')
	return served(now, s[1], s[2])
end

-- One waiter in eight, by the end of the user's id: its wait is compared with what it was told.
local function is_sampled(user)
	return string.byte(user, #user) % 8 == 0
end

-- The user's places up to `seq` are over.
local function note_over(keys, user, seq)
	redis.call('ZADD', keys[GONE], 'GT', text(seq), user)
	redis.call('EXPIRE', keys[GONE], TOKEN_LIFE / SECOND)
end

local function is_over(keys, user, seq)
	local s = redis.call('ZMSCORE', keys[GONE], user, place_of(user, seq))
	return s[2] or seq <= (tonumber(s[1]) or -1)
end

-- A place has ended, with a turn or without. While tokens of lost places may come, theirs and the user's earlier
-- ones must not be taken for those of live places. After a turn all of the user's lost places are over, because all old
-- tokens of a user together are worth one turn.
-- `before`: the past, where it is at hand.
local function forget(keys, user, seq, had_turn, before, now)
	before = before or past_of(keys)
	local lost = lost_up_to(before, now)
	if is_past(before, seq) or lost > 0 and now - math.max(lost, before.draw) <= TOKEN_LIFE then
		note_over(keys, user, had_turn and math.max(seq, lost) or seq)
	end
end

-- Somebody left the line before the turn came: nobody stands at this seq any more. Who was admitted is seen
-- from where the line begins, and whoever comes back (put_back) makes another line of it (`restored`).
local function note_change(keys, seq)
	count(keys, 'changed', 1)
	if redis.call('RPUSH', keys[CHANGES], text(seq)) > 2 * CHANGES_KEPT then
		redis.call('LTRIM', keys[CHANGES], -CHANGES_KEPT, -1)
	end
	redis.call('EXPIRE', keys[CHANGES], CHANGES_LIFE)
end

local function drop_waiting(keys, user, seq)
	redis.call('ZREM', keys[WAITING], user)
	note_change(keys, seq)
	redis.call('ZREM', keys[HEARD], user)
	if is_sampled(user) then
		redis.call('HDEL', keys[GUESSES], user)
	end
end

local function drop_active(keys, user)
	redis.call('ZREM', keys[ACTIVE], user)
	redis.call('HDEL', keys[PLACES], user)
end

local function expire_active(keys, user, seq, before, now)
	drop_active(keys, user)
	forget(keys, user, seq, true, before, now)
	count(keys, 'expired', 1)
end

local function abandon(keys, user, seq, before, now)
	drop_waiting(keys, user, seq)
	forget(keys, user, seq, false, before, now)
	count(keys, 'abandoned', 1)
end

-- Being heard of is noted only when the note is an eighth of the patience old, so
-- that polling costs no write, and for another eighth the service may ask without
-- it (see places.h); the waiter is given both on top.
local function patience_of(patience)
	return patience * 5 / 4
end

-- Places that `use` has noted and that are still in the line, at most EXPIRE_MAX.
local function noted(keys)
	return redis.call('ZRANGEBYSCORE', keys[USED], '-inf', '(0', 'LIMIT', 0, EXPIRE_MAX)
end

-- Takes the used places out of the line; before anything else that the queue service does with it. The note is
-- settled last: a caller without the rights for the rest changes nothing.
local function take_used_out(keys, now)
	local places = noted(keys)
	local before = #places > 0 and past_of(keys)
	for _, place in ipairs(places) do
		if #place ~= 24 then
			redis.call('ZREM', keys[USED], place)	-- no place: not written by `use`
		else
			local user, seq = place:sub(1, 16), struct.unpack('>I8', place, 17)
			local is_active = tonumber(redis.call('HGET', keys[PLACES], user)) == seq
			if is_active then
				drop_active(keys, user)
			elseif tonumber(redis.call('ZSCORE', keys[WAITING], user)) == seq then
				drop_waiting(keys, user, seq)
			end
			forget(keys, user, seq, is_active, before, now)
			count(keys, 'used', 1)
			redis.call('ZADD', keys[USED], 'XX', text(now), place)
		end
	end
end

-- True if nothing was heard of the waiter for too long, while it could have been heard.
local function is_abandoned(keys, heard, patience, now)
	if now - heard <= patience_of(patience) then
		return false
	end
	local s = redis.call('HMGET', keys[STATE], 'ticked', 'since')
	local ticked, since = tonumber(s[1]), tonumber(s[2])
	return ticked and since and now - ticked <= GAP and now - since > patience_of(patience)
end

-- The heartbeat. False if it comes too late.
local function hear(keys, user, patience, now)
	local heard = tonumber(redis.call('ZSCORE', keys[HEARD], user)) or 0
	if now - heard <= patience / 8 and heard <= now then
		return true
	end
	if is_abandoned(keys, heard, patience, now) then
		return false
	end
	redis.call('ZADD', keys[HEARD], text(now), user)
	return true
end

-- When the sale opens; 0 if it has. Once it has, a clock that is set back does not
-- close it again: who came after the opening stays behind whom the draw ordered.
local function opening(opens, opened, now)
	opens = tonumber(opens)
	if opens and (opens <= now or opens == tonumber(opened)) then
		return 0
	end
	return opens
end

-- Seconds until `position` is admitted, -1 if nobody can say.
local function expected_wait(position, speed, opens, now)
	speed = tonumber(speed)
	if not speed or speed <= 0 or not opens then
		return -1
	end
	return math.ceil(position / speed + math.max(0, opens - now) / SECOND)
end

-- What operators set (mode, max_active, admit, max_waiting, ttl, in `s` from `from` on), or the service's
-- settings where they have not: in `args` from `at` on, patience, settle, tick and the last four of those.
local SETTINGS = 7
local function settings(s, from, args, at)
	return {
		patience = tonumber(args[at]), settle = tonumber(args[at + 1]), tick = tonumber(args[at + 2]),
		mode = s[from] or 'OPEN',
		max_active = tonumber(s[from + 1] or args[at + 3]),
		admit = tonumber(s[from + 2] or args[at + 4]),
		max_waiting = tonumber(s[from + 3] or args[at + 5]),
		ttl = tonumber(s[from + 4] or args[at + 6]),	-- seconds
	}
end

-- People a second that leave the front of the line. Measured where there has
-- been a line for two seconds; but every ACTIVE place comes free after its TTL,
-- so it is never slower than that. Not measured yet: as set, while all fit in; where
-- nobody waits, whoever comes next.
local function speed_of(set, m, b, waiting, active)
	if set.mode == 'PAUSED' or set.admit <= 0 or set.max_active <= 0 then
		return 0
	end
	local least = math.min(set.admit, set.max_active / set.ttl)
	if b >= 2 and m > 0 then
		return math.min(set.admit, math.max(least, m / b))
	end
	return math.max(1, waiting) <= set.max_active - active and set.admit or least
end

-- Enter and status are asked about many people of one queue in one call, and answer with what waits are
-- reckoned by (the speed in millionths of a person a second, 0 if nobody can say, -1 if the mode is PAUSED; and
-- the milliseconds until the opening), then for each of them one of these:
-- state, seq, epoch, position, active until (ms), wait (s or -1), 1 if the place is new;
-- or, where status finds what it nearly always finds, somebody who goes on waiting, just the position.
local function answers_begin(speed, opens, mode, now)
	speed = tonumber(speed)
	return { mode == 'PAUSED' and -1 or opens and speed and math.floor(speed * 1000000) or 0,
	    opens and math.max(0, math.ceil((opens - now) / 1000)) or 0 }
end

local function answer(state, seq, epoch, position, deadline, wait, is_new)
	return { state, seq, epoch or 0, position, math.floor((deadline or 0) / 1000), wait, is_new or 0 }
end

-- Before a draw positions mean nothing: the worst is shown. `opens` is as opening() has it.
local function is_drawing(draw, opens, now)
	return draw and now < (opens or tonumber(draw))
end

-- `all` is how many wait, where the caller knows it.
local function waiting_answer(keys, user, seq, epoch, speed, opens, draw, now, all)
	if is_drawing(draw, opens, now) then
		return answer('WAITING', seq, epoch, all or redis.call('ZCARD', keys[WAITING]), 0, -1)
	end
	local rank = redis.call('ZRANK', keys[WAITING], user)
	return answer('WAITING', seq, epoch, rank + 1, 0, expected_wait(rank + 1, speed, opens, now))
end

-- The queue is here, but may lack what was written last before the restart: the places above `last`.
-- If those of the restart before had no time to come back, or what is here (it ends at `ticked`) ends
-- before they had, these too. That somebody was heard of may be lost as well: all silence begins now.
local function resume(keys, last, gap_from, gap_to, ticked, settle, known_last, now)
	local from, to = last, math.max(last, known_last, now)
	if gap_to and (not ticked or ticked - gap_to <= settle) then
		from = gap_from
	end
	redis.call('HSET', keys[STATE], 'run', run(), 'last', text(to), 'gap_from', text(from), 'gap_to', text(to),
	    'since', text(now))
end

-- begin: settle (us), then what the database remembers: the earlier store's epoch (0: there
-- was none), its last seq, how far it had admitted, up to where all had had their turn
-- (`ended`); the settings' revision, who, when (ms), mode, max_active, admit, max_waiting, ttl
-- (each '' where operators had set none). Answers 1; 2 if the queue is there, kept by another
-- server than this; 0 if all is there. What operators have set is taken over where it is later.
-- After a loss nobody is admitted for `settle`: until then people come back.
local function begin(keys, args)
	local now = clock()
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'run', 'last', 'gap_from', 'gap_to', 'revision', 'ticked')
	if s[1] and s[2] == run() then
		return 0
	end
	local settle, known, last = tonumber(args[1]), tonumber(args[2]), tonumber(args[3])
	if s[1] then
		resume(keys, tonumber(s[3]), tonumber(s[4]), tonumber(s[5]), tonumber(s[7]), settle, last, now)
	else
		local epoch = math.max(now, known + 1, last + 1)
		redis.call('HSET', keys[STATE], 'epoch', text(epoch), 'run', run(), 'last', text(epoch - 1),
		    'settle', text(known > 0 and now + settle or 0))
		if known > 0 then
			redis.call('HSET', keys[STATE], 'admitted_to', args[4], 'cand', args[5], 'ended', args[5],
			    'lost_admitted', args[4], 'lost_ended', args[5])
		end
	end
	if tonumber(args[6]) > (tonumber(s[6]) or 0) then
		redis.call('HDEL', keys[STATE], 'm', 'b')	-- measured under other rules
		redis.call('HSET', keys[STATE], 'revision', args[6], 'updated_by', args[7], 'updated_at', args[8])
		for i, field in ipairs({ 'mode', 'max_active', 'admit', 'max_waiting', 'ttl' }) do
			if args[8 + i] ~= '' then
				redis.call('HSET', keys[STATE], field, args[8 + i])
			end
		end
	end
	return s[1] and 2 or 1
end

-- The place that the user has, as an answer; nil if it has ended by now. `seq`: that of a waiting one, or nil. `s`
-- is of the state: epoch, draw, ticked, paused.
local function place_held(keys, user, seq, patience, speed, opens, s, now, all)
	if seq then
		if hear(keys, user, patience, now) then
			return waiting_answer(keys, user, seq, s.epoch, speed, opens, s.draw, now, all)
		end
		abandon(keys, user, seq, nil, now)
	end
	seq = tonumber(redis.call('HGET', keys[PLACES], user))
	if seq then
		local deadline = tonumber(redis.call('ZSCORE', keys[ACTIVE], user))
		local time, ahead = served(now, s.ticked, s.paused)
		if deadline > time then
			return answer('ACTIVE', seq, s.epoch, 0, deadline + ahead, 0)
		end
		expire_active(keys, user, seq, nil, now)
	end
	return nil
end

-- enter: sale opens (us, 0: it has), settings, then for each who enters, in the order they came: user, drawn seq
-- ('': by arrival). Answers as above, or NEW, QUEUE_CLOSED or QUEUE_FULL as the state.
local function enter(keys, args)
	local first = 2 + SETTINGS
	local now = clock()
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'last', 'opens', 'entered', 'speed',
	    'mode', 'max_active', 'admit', 'max_waiting', 'ttl', 'draw', 'ticked', 'paused', 'opened', 'run')
	local opens = opening(args[1], s[14], now)
	local epoch, last = tonumber(s[1]), tonumber(s[2])
	local set = settings(s, 6, args, 2)
	-- Before the first tick, which measures; kept, as the status reckons by it too.
	local first_speed = not s[5] and string.format('%.4f', speed_of(set, 0, 0, 1, 0)) or nil
	local speed = s[5] or first_speed
	local answers = answers_begin(speed, opens, set.mode, now)
	if not epoch or s[15] ~= run() then
		for _ = first, #args, 2 do
			answers[#answers + 1] = answer('NEW', 0, 0, 0, 0, -1)
		end
		return answers
	end
	take_used_out(keys, now)

	local users = {}
	for i = first, #args, 2 do
		users[#users + 1] = args[i]
	end
	local seqs = redis.call('ZMSCORE', keys[WAITING], unpack(users))
	local actives = redis.call('HMGET', keys[PLACES], unpack(users))
	local waiting = redis.call('ZCARD', keys[WAITING])
	local line, heard, guesses, mine, draw, opened = {}, {}, {}, {}, s[11], nil

	for i, user in ipairs(users) do
		local drawn = tonumber(args[first + 2 * i - 1])
		local held = nil
		if mine[user] then
			-- More than once in this very call.
			local position = is_drawing(draw, opens, now) and waiting or mine[user][4]
			held = answer('WAITING', mine[user][2], epoch, position, 0, mine[user][6])
		elseif seqs[i] or actives[i] then
			held = place_held(keys, user, tonumber(seqs[i]), set.patience, speed, opens,
			    { epoch = epoch, draw = draw, ticked = s[12], paused = s[13] }, now, waiting)
			waiting = waiting - (seqs[i] and not held and 1 or 0)
		end
		if held then
			answers[#answers + 1] = held
		elseif set.mode == 'CLOSED' then
			answers[#answers + 1] = answer('QUEUE_CLOSED', 0, epoch, 0, 0, -1)
		elseif waiting >= set.max_waiting then
			answers[#answers + 1] = answer('QUEUE_FULL', 0, epoch, 0, 0, expected_wait(1, speed, opens, now))
		else
			local seq, wait = drawn, -1
			waiting = waiting + 1
			if drawn and opens > 0 then
				draw = args[1]
			else
				seq = math.max(last + 1, now)
				last = seq
				opened = opens == 0 and s[14] ~= args[1] and args[1] or nil
				-- The latest seq of all is the last in line.
				wait = expected_wait(waiting, speed, opens, now)
				if wait >= 0 and is_sampled(user) then
					guesses[#guesses + 1] = user
					guesses[#guesses + 1] = text(now) .. ' ' .. wait
				end
			end
			line[#line + 1] = text(seq)
			line[#line + 1] = user
			heard[#heard + 1] = text(now)
			heard[#heard + 1] = user
			mine[user] = answer('WAITING', seq, epoch, waiting, 0, wait, 1)
			answers[#answers + 1] = mine[user]
		end
	end

	if #line > 0 then
		local changes = { 'last', text(last), 'opens', args[1], 'entered', text((s[4] or 0) + #line / 2) }
		for field, value in pairs({ draw = draw or nil, opened = opened, speed = first_speed }) do
			changes[#changes + 1] = field
			changes[#changes + 1] = value
		end
		redis.call('HSET', keys[STATE], unpack(changes))
		redis.call('ZADD', keys[WAITING], unpack(line))
		redis.call('ZADD', keys[HEARD], unpack(heard))
		local _ = #guesses > 0 and redis.call('HSET', keys[GUESSES], unpack(guesses))
	end
	return answers
end

-- Of a place that an earlier store gave and this one does not know: may it come
-- back? 'YES', 'NO' (its turn is over), or 'ASK': it may have been used, which the
-- database knows. First come, first served, so `admitted_to` and `ended` tell.
local function may_return(lost_admitted, lost_ended, seq)
	if seq <= (tonumber(lost_ended) or 0) then
		return 'NO'
	end
	return seq <= (tonumber(lost_admitted) or 0) and 'ASK' or 'YES'
end

-- A place that is not known here, and a token that may be of one that was lost: puts it back.
-- Answers as may_return.
local function put_back(keys, user, seq, token_epoch, placed, unused, settle, draw, now)
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'last', 'settle', 'lost_admitted', 'lost_ended', 'cand', 'ended',
	    'gap_from', 'gap_to')
	local epoch = tonumber(s[1])
	local before = past(epoch, draw, s[3], s[8], s[9])
	if not is_lost(before, seq, token_epoch) or now - seq > TOKEN_LIFE or is_over(keys, user, seq) then
		return 'NO'
	end
	local may = may_return(s[4], s[5], seq)
	if may == 'YES' and (epoch == token_epoch or is_in_gap(before, seq)) then
		may = 'ASK'	-- how far that one had admitted is not known to the moment
	end
	if may == 'NO' or may == 'ASK' and not unused then
		return may
	end
	if epoch ~= token_epoch and tonumber(s[3]) == 0 then
		-- The database did not remember that there was an earlier store.
		redis.call('HSET', keys[STATE], 'settle', text(epoch + settle))
	end
	if placed and (placed < epoch or is_in_gap(before, placed)) then
		-- Two places from before: a user has one at a time, so the later one was the last that lived.
		if seq < placed then
			return 'NO'
		end
		note_over(keys, user, placed)
	end
	if draw ~= '' then
		redis.call('HSET', keys[STATE], 'draw', draw)
	end
	-- A drawn place says nothing about who came last.
	if seq > tonumber(s[2]) and seq >= (tonumber(draw) or 0) then
		redis.call('HSET', keys[STATE], 'last', text(seq))
	end
	-- Nobody from here on has had a turn for certain.
	for i, field in ipairs({ 'cand', 'ended' }) do
		if seq <= (tonumber(s[5 + i]) or 0) then
			redis.call('HSET', keys[STATE], field, text(seq - 1))
		end
	end
	redis.call('ZADD', keys[WAITING], text(seq), user)
	redis.call('ZADD', keys[HEARD], text(now), user)
	count(keys, 'restored', 1)
	return 'YES'
end

-- One place, whatever has become of it. `opens` is the sale's (us, '': not known), `draw` when the draw is.
local function status_of(keys, user, seq, epoch, opens, draw, patience, settle, unused, now)
	local function waits()
		local s = redis.call('HMGET', keys[STATE], 'speed', 'opens', 'draw', 'opened')
		return waiting_answer(keys, user, seq, epoch, s[1], opening(opens ~= '' and opens or s[2], s[4], now), s[3], now)
	end

	if redis.call('ZSCORE', keys[USED], place_of(user, seq)) then
		return answer('USED', seq, epoch, 0, 0, 0)
	end
	local placed = tonumber(redis.call('ZSCORE', keys[WAITING], user))
	if placed == seq then
		if hear(keys, user, patience, now) then
			return waits()
		end
		abandon(keys, user, seq, nil, now)
		return answer('EXPIRED', seq, epoch, 0, 0, -1)
	end
	local place = tonumber(redis.call('HGET', keys[PLACES], user))
	if place then
		local deadline = tonumber(redis.call('ZSCORE', keys[ACTIVE], user))
		local time, ahead = served_of(keys, now)
		if place == seq and deadline > time then
			return answer('ACTIVE', seq, epoch, 0, deadline + ahead, 0)
		end
		if deadline <= time then
			expire_active(keys, user, place, nil, now)
		end
		-- One place a user: while the active one lives, no other is put back.
		if place == seq or deadline > time then
			return answer('EXPIRED', seq, epoch, 0, 0, -1)
		end
	end
	if not is_begun(keys) then
		return answer('NEW', seq, epoch, 0, 0, -1)
	end
	local back = put_back(keys, user, seq, epoch, placed, unused, settle, draw, now)
	if back == 'YES' then
		return waits()
	end
	return answer(back == 'ASK' and 'ASK' or 'EXPIRED', seq, epoch, 0, 0, -1)
end

-- status: sale opens (us, '' if the caller does not know), patience, settle, '1' if the database says that the
-- places were not used, when the draw is (us, '': none), then for each place: user, seq, epoch.
-- Answers as above; EXPIRED, NEW or ASK (ask the database, then again) may be the state. Asking is the heartbeat.
local function status(keys, args)
	local opens, draw, patience, settle = args[1], args[5], tonumber(args[2]), tonumber(args[3])
	local now = clock()
	local users = {}
	for i = 6, #args, 3 do
		users[#users + 1] = args[i]
	end
	take_used_out(keys, now)
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'speed', 'opens', 'draw', 'opened', 'mode')
	if s[1] and opens ~= '' and opens ~= s[3] then
		redis.call('HSET', keys[STATE], 'opens', opens)
		s[3] = opens
	end
	local opens_at = opening(s[3], s[5], now)
	local drawing = is_drawing(s[4], opens_at, now)
	local seqs = redis.call('ZMSCORE', keys[WAITING], unpack(users))
	local heards = redis.call('ZMSCORE', keys[HEARD], unpack(users))
	local answers = answers_begin(s[2], opens_at, s[6], now)
	local looked_into = {}	-- whose place may not be what was read above any more

	for i, user in ipairs(users) do
		local seq, epoch, heard = args[4 + 3 * i], args[5 + 3 * i], tonumber(heards[i])
		if seqs[i] == seq and not drawing and not looked_into[user] and heard and heard <= now
		    and now - heard <= patience / 8 then
			-- Nearly everybody: waits, and was heard of lately.
			answers[#answers + 1] = redis.call('ZRANK', keys[WAITING], user) + 1
		else
			looked_into[user] = true
			answers[#answers + 1] = status_of(keys, user, tonumber(seq), tonumber(epoch), opens, draw, patience, settle,
			    args[4] == '1', now)
		end
	end
	return answers
end

-- leave: user, seq, epoch. Gives the place up, whichever it is; again and again.
-- Answers 1 if there was one.
local function leave(keys, args)
	local user, seq, token_epoch = args[1], tonumber(args[2]), tonumber(args[3])
	local now = clock()
	local before = past_of(keys)

	take_used_out(keys, now)
	local had_turn = tonumber(redis.call('HGET', keys[PLACES], user)) == seq
	if had_turn then
		drop_active(keys, user)
	elseif tonumber(redis.call('ZSCORE', keys[WAITING], user)) == seq then
		drop_waiting(keys, user, seq)
	else
		if is_lost(before, seq, token_epoch) then
			note_over(keys, user, seq)
		end
		return 0
	end
	forget(keys, user, seq, had_turn, before, now)
	count(keys, 'left', 1)
	return 1
end

-- check: user, seq, epoch. WAITING, ACTIVE, USED or EXPIRED; changes nothing.
-- A place that status would put back is WAITING.
local function check(keys, args)
	local user, seq, epoch = args[1], tonumber(args[2]), tonumber(args[3])
	local now = clock()

	if redis.call('ZSCORE', keys[USED], place_of(user, seq)) then
		return 'USED'
	end
	if tonumber(redis.call('HGET', keys[PLACES], user)) == seq then
		local deadline = tonumber(redis.call('ZSCORE', keys[ACTIVE], user))
		return deadline > served_of(keys, now) and 'ACTIVE' or 'EXPIRED'
	end
	if tonumber(redis.call('ZSCORE', keys[WAITING], user)) == seq then
		return 'WAITING'
	end
	local s = redis.call('HMGET', keys[STATE], 'lost_admitted', 'lost_ended')
	if is_lost(past_of(keys), seq, epoch) and now - seq <= TOKEN_LIFE and may_return(s[1], s[2], seq) ~= 'NO'
	    and not is_over(keys, user, seq) then
		return 'WAITING'
	end
	return 'EXPIRED'
end

-- use: user, seq, epoch. The hold is committed: whatever is known of the place
-- here, it is used up now. This only notes it, because the reservation service has no more rights; the next call of the
-- queue service takes the place out of the line.
local function use(keys, args)
	redis.call('ZADD', keys[USED], 'NX', text(-clock()), place_of(args[1], tonumber(args[2])))
	redis.call('EXPIRE', keys[USED], TOKEN_LIFE / SECOND)
	return 'USED'
end

local function prune(keys, now)
	for _, key in ipairs({ keys[USED], keys[GONE] }) do
		local old = redis.call('ZRANGEBYSCORE', key, '0', text(now - TOKEN_LIFE), 'LIMIT', 0, PRUNE_MAX)
		local _ = #old > 0 and redis.call('ZREM', key, unpack(old))
	end
end

local function expire_passed(keys, before, time, now)
	local users = redis.call('ZRANGEBYSCORE', keys[ACTIVE], '-inf', text(time), 'LIMIT', 0, EXPIRE_MAX)
	for _, user in ipairs(users) do
		expire_active(keys, user, tonumber(redis.call('HGET', keys[PLACES], user)), before, now)
	end
	return #users
end

local function reap_silent(keys, before, since, patience, now)
	local oldest = now - patience_of(patience)
	if since >= oldest then
		return 0
	end
	local users = redis.call('ZRANGEBYSCORE', keys[HEARD], '-inf', '(' .. text(oldest), 'LIMIT', 0, REAP_MAX)
	for _, user in ipairs(users) do
		abandon(keys, user, tonumber(redis.call('ZSCORE', keys[WAITING], user)), before, now)
	end
	return #users
end

-- The first n go from WAITING to ACTIVE. ZPOPMIN hands them over in order of seq. Answers how many, the
-- last one's seq, and of those whose wait was noted, by turns: what they were told and what it was (ms).
local function admit_first(keys, n, deadline, now)
	local popped = redis.call('ZPOPMIN', keys[WAITING], n)
	local active, places, users, sampled, waits = {}, {}, {}, {}, {}
	for i = 1, #popped, 2 do
		local user = popped[i]
		users[#users + 1] = user
		active[#active + 1] = text(deadline)
		active[#active + 1] = user
		places[#places + 1] = user
		places[#places + 1] = text(tonumber(popped[i + 1]))
		if is_sampled(user) then
			sampled[#sampled + 1] = user
		end
	end
	redis.call('ZREM', keys[HEARD], unpack(users))
	redis.call('ZADD', keys[ACTIVE], unpack(active))
	redis.call('HSET', keys[PLACES], unpack(places))
	if #sampled > 0 then
		for _, guess in ipairs(redis.call('HMGET', keys[GUESSES], unpack(sampled))) do
			if guess then
				local entered, told = guess:match('(%d+) (%d+)')
				waits[#waits + 1] = tonumber(told) * 1000
				waits[#waits + 1] = math.max(0, math.floor((now - tonumber(entered)) / 1000))
			end
		end
		redis.call('HDEL', keys[GUESSES], unpack(sampled))
	end
	return #users, tonumber(popped[#popped]), waits
end

-- How far the line has come: nobody up to there waits.
local function mark_of(keys, admitted_to)
	local first = redis.call('ZRANGE', keys[WAITING], 0, 0, 'WITHSCORES')
	return #first > 0 and math.min(admitted_to, tonumber(first[2]) - 1) or admitted_to
end

-- tick: settings; the end of the sale (us; 0: the sale is not open; missing, from callers of the release before: no
-- end). One round: deadlines, silent waiters, then admission under the
-- cap and the rate. Anybody may call it at any time: `paid` is the time up to which
-- admissions have been paid for (each costs 1/rate of time), so a hundred callers
-- admit no more than one. At most one tick's time can be saved up, plus while there
-- is a line the fraction that was too little for one more person.
-- Answers waiting, active, admitted, expired, abandoned, epoch; last seq, admitted_to, ended (for the
-- database); speed (a thousandth of a person a second), mode (NEW: it has to begin), and admit_first's waits.
local function tick(keys, args)
	local now = clock()
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'opens', 'settle', 'paid', 'busy', 'at',
	    'm', 'b', 'ticked', 'since', 'speed', 'mode', 'max_active', 'admit', 'max_waiting', 'ttl',
	    'paused', 'draw', 'last', 'admitted_to', 'ended', 'cand', 'until', 'opened', 'run', 'gap_from', 'gap_to')
	local epoch = tonumber(s[1])
	if not epoch or s[25] ~= run() then
		return { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'NEW', {} }
	end
	take_used_out(keys, now)
	local set = settings(s, 12, args, 1)
	local busy, at = s[5] == '1', tonumber(s[6]) or 0
	local ticked, since = tonumber(s[9]), tonumber(s[10])
	local time, ahead = served(now, s[9], s[17])
	local before = past(epoch, s[18], s[3], s[26], s[27])
	local admitted_to, ended = tonumber(s[20]) or 0, tonumber(s[21]) or 0
	local changes = {}
	local function put(field, value)
		changes[#changes + 1] = field
		changes[#changes + 1] = value
	end

	-- Where the clock was set back, what lies ahead of it would stop admission for as long.
	local settle, paid = tonumber(s[3]) or 0, tonumber(s[4]) or 0
	if settle > now + set.settle then
		settle = now + set.settle
		put('settle', text(settle))
	elseif settle > SETTLED and settle <= now then
		settle = SETTLED
		put('settle', text(settle))
	end
	if paid > now then
		paid = now
		put('paid', text(paid))
	end

	local fresh = not ticked or now - ticked > GAP or now < ticked
	if fresh then
		since = now
		put('since', text(since))
		put('paused', text(ahead))
	end
	if fresh or now - ticked >= SECOND then
		put('ticked', text(now))
		prune(keys, now)
		-- All admitted up to `cand` have had their turn when the latest deadline of then has passed;
		-- not while those of a store that was lost are still coming back.
		local until_time = tonumber(s[23]) or 0
		if time > until_time and settle <= now then
			local latest = redis.call('ZREVRANGE', keys[ACTIVE], 0, 0, 'WITHSCORES')
			ended = tonumber(s[22]) or 0
			put('ended', text(ended))
			put('cand', text(mark_of(keys, admitted_to)))
			put('until', text(math.max(time, tonumber(latest[2]) or 0)))
		end
	end

	local expired = expire_passed(keys, before, time, now)
	local abandoned = reap_silent(keys, before, since, set.patience, now)
	local waiting = redis.call('ZCARD', keys[WAITING])
	local active = redis.call('ZCOUNT', keys[ACTIVE], '(' .. text(time), '+inf')
	local opens = opening(s[2], s[24], now)
	if opens == 0 and s[24] ~= s[2] then
		put('opened', s[2])
	end
	local closes = tonumber(args[SETTINGS + 1]) or math.huge
	-- `opens` not known (its store was lost): nobody, until somebody says it.
	local open = set.mode ~= 'PAUSED' and set.admit > 0 and opens == 0 and now < closes and settle <= now

	local admitted, waits = 0, {}
	if open and waiting > 0 then
		local cost = SECOND / set.admit
		local saved = busy and set.tick + cost or math.max(set.tick, cost)
		-- As a difference: microseconds since 1970 leave no room for fractions, and a third of a second would miss.
		local owed = math.min(now - paid, saved)
		local n = math.min(math.floor(owed / cost), set.max_active - active, waiting, ADMIT_MAX)
		if n > 0 then
			local to
			admitted, to, waits = admit_first(keys, n, time + set.ttl * SECOND, now)
			put('paid', string.format('%.3f', now - owed + admitted * cost))
			if to > admitted_to then
				admitted_to = to
				put('admitted_to', text(to))
			end
			count(keys, 'admitted', admitted)
		end
	end

	local speed = s[11] or '0'
	-- Between two ticks' times only what happened is worth a write.
	if admitted > 0 or expired > 0 or now - at >= set.tick / 2 or now < at then
		local m, b = tonumber(s[7]) or 0, tonumber(s[8]) or 0
		if open and waiting > 0 then
			local passed = busy and math.min(math.max(now - at, 0), GAP) or set.tick
			local kept = math.exp(-passed / MEASURE)
			m, b = m * kept + admitted, b * kept + passed / SECOND
			put('m', string.format('%.6f', m))
			put('b', string.format('%.6f', b))
		end
		local still = open and waiting > admitted
		if still ~= busy then
			put('busy', still and '1' or '0')
		end
		if still or busy or waiting > 0 then
			put('at', text(now))
		end
		speed = string.format('%.4f', speed_of(set, m, b, waiting - admitted, active + admitted))
		if speed ~= s[11] then
			put('speed', speed)
		end
	end
	if #changes > 0 then
		redis.call('HSET', keys[STATE], unpack(changes))
	end
	return { waiting - admitted, active + admitted, admitted, expired, abandoned, epoch, tonumber(s[19]),
	    admitted_to, ended, math.floor(tonumber(speed) * 1000), set.mode, waits }
end

-- control_get: settings. What operators see:
-- mode (NEW: it has to begin), maxActive, admitPerSecond, maxWaiting, activeTtlSeconds,
-- waiting, active, admitted, used, expired (at once, swept or not), updatedBy ('': nobody), updatedAt (ms);
-- then for the database to remember: revision, and what is set of mode, max_active,
-- admit, max_waiting and ttl ('': not).
local function control_get(keys, args)
	local now = clock()
	local s = redis.call('HMGET', keys[STATE], 'mode', 'max_active', 'admit', 'max_waiting', 'ttl',
	    'admitted', 'used', 'expired', 'abandoned', 'updated_by', 'updated_at', 'ticked', 'paused',
	    'revision', 'run')
	local set = settings(s, 1, args, 1)
	local time = served(now, s[12], s[13])
	local n = function(i) return tonumber(s[i]) or 0 end
	local active = redis.call('ZCOUNT', keys[ACTIVE], '(' .. text(time), '+inf')
	local passed = redis.call('ZCOUNT', keys[ACTIVE], '-inf', text(time))
	local used = noted(keys)
	for _, place in ipairs(used) do
		local user = place:sub(1, 16)
		if #place == 24 and tonumber(redis.call('HGET', keys[PLACES], user)) == struct.unpack('>I8', place, 17) then
			local lives = tonumber(redis.call('ZSCORE', keys[ACTIVE], user)) > time
			active, passed = active - (lives and 1 or 0), passed - (lives and 0 or 1)
		end
	end
	return {
		s[15] == run() and set.mode or 'NEW', set.max_active, set.admit, set.max_waiting, set.ttl,
		redis.call('ZCARD', keys[WAITING]),
		active,
		n(6), n(7) + #used,
		n(8) + n(9) + passed,
		s[10] or '', n(11),
		n(14), s[1] or '', s[2] or '', s[3] or '', s[4] or '', s[5] or '',
	}
end

-- control_set: settings, who, then field and value pairs of mode, max_active,
-- admit, max_waiting, ttl (checked by the caller). Answers as control_get.
local function control_set(keys, args)
	if not is_begun(keys) then
		return control_get(keys, args)
	end
	redis.call('HSET', keys[STATE], 'updated_by', args[SETTINGS + 1], 'updated_at', text(clock() / 1000),
	    unpack(args, SETTINGS + 2))
	count(keys, 'revision', 1)
	-- What was measured under other rules says nothing about these.
	redis.call('HDEL', keys[STATE], 'm', 'b')
	local set = settings(redis.call('HMGET', keys[STATE], 'mode', 'max_active', 'admit', 'max_waiting', 'ttl'), 1, args, 1)
	local speed = speed_of(set, 0, 0, redis.call('ZCARD', keys[WAITING]), redis.call('ZCARD', keys[ACTIVE]))
	redis.call('HSET', keys[STATE], 'speed', string.format('%.4f', speed))
	return control_get(keys, args)
end

-- line: how many changes the caller knows ('': it begins), the last seq it knows, how many more it can take
-- (LINE_READ_MAX at the most). What a worker's copy of the line needs to be right again (line.h): who left it, who came
-- behind `last`, and where it begins now.
-- Answers a name of the line (another one: begin anew; '': there is none), the first's seq (0: nobody waits), how many
-- changes the caller knows now (-1: not all are kept; begin anew), the changes, LINE_READ_MAX at the most, the seqs
-- behind `last`, and how many wait up to the last of these, or up to `last`. Of equal seqs, which a draw may give, all or none.
local function line(keys, args)
	local last, most = args[2], math.min(tonumber(args[3]), LINE_READ_MAX)
	local s = redis.call('HMGET', keys[STATE], 'epoch', 'run', 'gap_to', 'restored', 'changed')
	if not s[1] or s[2] ~= run() then
		return { '', 0, -1, {}, {}, 0 }
	end
	-- When it began, where, when that was restarted, and how many had come back by now, to wherever it was.
	local name = table.concat({ s[1], s[2], s[3] or '', s[4] or '' }, ' ')
	local changed = tonumber(s[5]) or 0
	local known = tonumber(args[1]) or changed
	local skip = known - (changed - redis.call('LLEN', keys[CHANGES]))
	if skip < 0 or known > changed then
		return { name, 0, -1, {}, {}, 0 }
	end
	local changes = redis.call('LRANGE', keys[CHANGES], skip, skip + LINE_READ_MAX - 1)
	local first = redis.call('ZRANGE', keys[WAITING], 0, 0, 'WITHSCORES')
	local behind = redis.call('ZRANGE', keys[WAITING], '(' .. last, '+inf', 'BYSCORE', 'LIMIT', 0, most, 'WITHSCORES')
	local n = #behind / 2
	if n == most then
		-- Others may be equal to the last.
		while n > 0 and behind[2 * n] == behind[#behind] do
			n = n - 1
		end
	end
	local seqs = {}
	for i = 1, n do
		seqs[i] = behind[2 * i]
	end
	return { name, tonumber(first[2]) or 0, known + #changes, changes, seqs,
	    redis.call('ZCOUNT', keys[WAITING], '-inf', seqs[n] or last) }
end

-- Only entering may be refused for want of memory: the others let people go on and out.
local functions = {
	{ 'begin', begin, {} },
	{ 'enter', enter, {} },
	{ 'status', status, { 'allow-oom' } },
	{ 'leave', leave, { 'allow-oom' } },
	{ 'check', check, { 'no-writes' } },
	{ 'use', use, { 'allow-oom' } },
	{ 'tick', tick, { 'allow-oom' } },
	{ 'line', line, { 'no-writes' } },
	{ 'control_get', control_get, { 'no-writes' } },
	{ 'control_set', control_set, { 'allow-oom' } },
}
for i = 1, #functions do	-- there is no ipairs yet
	local f = functions[i]
	redis.register_function({ function_name = 'queue2_' .. f[1], callback = f[2], flags = f[3] })
end
