-- The answers about places: states, positions and expected waits.

-- Users per second that leave the front of the line. After two measured seconds with waiters it is the measured speed.
-- It is never below the rate at which active turns end at the latest. Before there is a measurement, it is the
-- admission rate if all who wait (one user at least) fit under the cap, else that lower bound.
-- `m` users were admitted in `b` seconds with waiters, both weighted by age (admission.lua).
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

-- Seconds until `position` is admitted; -1 if it is not known. queue_answers.c has the same formula for polls that are
-- answered without a function; tests/redis/test_answers.c compares the two.
local function expected_wait(position, speed, opens, now)
	speed = tonumber(speed)
	if not speed or speed <= 0 or not opens then
		return -1
	end
	return math.ceil(position / speed + math.max(0, opens - now) / SECOND)
end

-- The answer of enter and status is a list. It begins with the speed (users per SPEED_SCALE seconds; 0: not known;
-- SPEED_PAUSED: the mode is PAUSED) and the milliseconds until the opening. Then follows one element per user: either
-- answer()'s list or, for a user who simply goes on waiting, only the position.
local function answers_begin(speed, opens, mode, now)
	speed = tonumber(speed)
	return { mode == 'PAUSED' and SPEED_PAUSED or opens and speed and math.floor(speed * SPEED_SCALE) or 0,
	    opens and math.max(0, math.ceil((opens - now) / 1000)) or 0 }
end

-- `deadline` is in microseconds, the answer in milliseconds. `wait`: seconds, -1: not known.
local function answer(state, seq, generation, position, deadline, wait, is_new)
	return { state, seq, generation or 0, position, math.floor((deadline or 0) / 1000), wait, is_new or 0 }
end

-- Before a draw the answer gives the last position. `waiting` is the number of waiters if the caller has it.
local function waiting_answer(keys, user, seq, generation, speed, opens, draw, now, waiting)
	if is_drawing(draw, opens, now) then
		return answer('WAITING', seq, generation, waiting or redis.call('ZCARD', keys[WAITING]), 0, -1)
	end
	local position = redis.call('ZRANK', keys[WAITING], user) + 1
	return answer('WAITING', seq, generation, position, 0, expected_wait(position, speed, opens, now))
end

