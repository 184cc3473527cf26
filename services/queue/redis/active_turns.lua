-- check and use: the two functions that the reservation service calls. Its Redis user may write less than the
-- queue's.

-- check(user, seq, generation): WAITING, ACTIVE, USED or EXPIRED. Changes nothing. A place that status would put back is
-- WAITING.
local function check(keys, args)
	local user, seq, token_generation = args[1], tonumber(args[2]), tonumber(args[3])
	local now = clock()

	if redis.call('ZSCORE', keys[USED], place_member(user, seq)) then
		return 'USED'
	end
	if active_seq(keys, user) == seq then
		return active_deadline(keys, user) > served_now(keys, now) and 'ACTIVE' or 'EXPIRED'
	end
	if waiting_seq(keys, user) == seq then
		return 'WAITING'
	end
	local lost_admitted, lost_ended = state_values(keys, 'lost_admitted', 'lost_ended')
	if may_be_lost(losses_of(keys), seq, token_generation) and now - seq <= TOKEN_LIFE
	    and may_return(lost_admitted, lost_ended, seq) ~= 'NO' and not has_ended(keys, user, seq) then
		return 'WAITING'
	end
	return 'EXPIRED'
end

-- use(user, seq, generation): a hold was committed with the place, so it is used, even if Redis shows another state. This
-- only notes it, because the reservation service has no further rights. The next call of the queue service removes the
-- place (remove_used).
local function use(keys, args)
	local user, seq = args[1], tonumber(args[2])
	redis.call('ZADD', keys[USED], 'NX', text(-clock()), place_member(user, seq))
	redis.call('EXPIRE', keys[USED], TOKEN_LIFE / SECOND)
	return 'USED'
end

