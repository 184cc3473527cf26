-- wrk's requests: prepared before the clock starts, one a caller, sent in turn.
--
--   wrk ... -s requests.lua URL -- status FILE FIRST COUNT
--   wrk ... -s requests.lua URL -- enter FILE FIRST COUNT CONCERT SCHEDULE
--   wrk ... -s requests.lua URL -- pay FILE FIRST COUNT AMOUNT
--   wrk ... -s requests.lua URL -- charge FILE FIRST COUNT AMOUNT NAME
--
-- FILE has a caller a line: the JWT, a space, the queue token (status) or the reservation (pay). Lines FIRST (from 1)
-- to FIRST + COUNT - 1 are used; what is paid is paid once, and then it stops. A charge has an idempotency key of
-- NAME and a number. The last line printed says what came of it: RESULT and key=value pairs.

local prepared, at = {}, 0
local once = false

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
			wrk.thread:stop()
		end
		at = 1
	end
	return prepared[at]
end

function done(summary, latency, requests)
	local e = summary.errors
	io.write(string.format("RESULT rps=%.0f requests=%d errors=%d p50_us=%d p99_us=%d " ..
	    "connect=%d read=%d write=%d status=%d timeout=%d\n",
	    summary.requests / (summary.duration / 1000000), summary.requests,
	    e.connect + e.read + e.write + e.status + e.timeout,
	    latency:percentile(50), latency:percentile(99),
	    e.connect, e.read, e.write, e.status, e.timeout))
end
