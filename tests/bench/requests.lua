-- Requests for wrk, prepared before the clock starts: one per caller, sent in turn.
--
--   wrk ... -s requests.lua URL -- status FILE FIRST COUNT
--   wrk ... -s requests.lua URL -- enter FILE FIRST COUNT CONCERT SCHEDULE
--   wrk ... -s requests.lua URL -- pay FILE FIRST COUNT AMOUNT
--   wrk ... -s requests.lua URL -- charge FILE FIRST COUNT AMOUNT NAME
--
-- Each line of FILE is a caller: the JWT, a space, and the queue token (status) or the reservation (pay). Lines FIRST
-- (from 1) to FIRST + COUNT - 1 are used. A reservation is paid once; after the last one no more requests are sent. A
-- charge has an idempotency key of NAME and a number. The last line printed is RESULT and key=value pairs. ran_out=1 says
-- that all requests were sent before the time was over, so the figure is too low.

local prepared, at = {}, 0
local once = false
local threads = {}
ran_out = 0	-- global: done() reads it from the thread

function setup(thread)
	threads[#threads + 1] = thread
end

function init(args)
	local kind, first, count = args[1], tonumber(args[3]), tonumber(args[4])
	local line_number = 0
	for line in io.lines(args[2]) do
		line_number = line_number + 1
		if line_number >= first + count then
			break
		end
		if line_number >= first then
			local jwt, token = line:match("^(%S+) ?(%S*)")
			local headers = { ["Authorization"] = "Bearer " .. jwt }
			if kind == "status" then
				headers["X-Queue-Token"] = token
				prepared[#prepared + 1] = wrk.format("GET", "/queues/status", headers)
			elseif kind == "pay" then
				headers["Content-Type"] = "application/json"
				headers["Idempotency-Key"] = "pay-" .. token
				prepared[#prepared + 1] = wrk.format("POST", "/payments", headers,
				    string.format('{"reservationId":"%s","amount":%s,"method":"POINT"}', token, args[5]))
				once = true
			elseif kind == "charge" then
				headers["Content-Type"] = "application/json"
				headers["Idempotency-Key"] = args[6] .. "-" .. line_number
				prepared[#prepared + 1] = wrk.format("POST", "/points/charge", headers,
				    string.format('{"amount":%s}', args[5]))
				once = true
			else
				headers["Content-Type"] = "application/json"
				prepared[#prepared + 1] = wrk.format("POST", "/queues/enter", headers,
				    string.format('{"concertId":"%s","scheduleId":"%s"}', args[5], args[6]))
			end
		end
	end
	if #prepared == 0 then
		error("no callers in " .. args[2])
	end
	collectgarbage()
end

function request()
	at = at + 1
	if at > #prepared then
		if once then
			ran_out = 1
			wrk.thread:stop()
		end
		at = 1
	end
	return prepared[at]
end

function done(summary, latency, requests)
	local e = summary.errors
	local out = 0
	for _, thread in ipairs(threads) do
		out = math.max(out, thread:get("ran_out"))
	end
	io.write(string.format("RESULT rps=%.0f requests=%d errors=%d p50_us=%d p99_us=%d " ..
	    "connect=%d read=%d write=%d status=%d timeout=%d ran_out=%d\n",
	    summary.requests / (summary.duration / 1000000), summary.requests,
	    e.connect + e.read + e.write + e.status + e.timeout,
	    latency:percentile(50), latency:percentile(99),
	    e.connect, e.read, e.write, e.status, e.timeout, out))
end
