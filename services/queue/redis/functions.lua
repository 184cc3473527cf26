-- The functions by their names in Redis. Only begin and enter are refused when Redis is out of memory: the others let users
-- go on and leave.
local functions = {
	{ name = 'begin', callback = begin, flags = {} },
	{ name = 'enter', callback = enter, flags = {} },
	{ name = 'status', callback = status, flags = { 'allow-oom' } },
	{ name = 'leave', callback = leave, flags = { 'allow-oom' } },
	{ name = 'check', callback = check, flags = { 'no-writes' } },
	{ name = 'use', callback = use, flags = { 'allow-oom' } },
	{ name = 'tick', callback = tick, flags = { 'allow-oom' } },
	{ name = 'control_get', callback = control_get, flags = { 'no-writes' } },
	{ name = 'control_set', callback = control_set, flags = { 'allow-oom' } },
}
for i = 1, #functions do	-- Redis provides no ipairs while it loads a library
	local f = functions[i]
	redis.register_function({ function_name = 'queue3_' .. f.name, callback = f.callback, flags = f.flags })
end
