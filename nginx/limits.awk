# awk -v since=TIME -v minutes=N -v rows=N -v limits=tuning.conf -f limits.awk	(nginx/limits says what it prints)
#
# Reads lines of the access log. nginx escapes their text fields, so a quote always ends a field.

function text(name,   at, rest) {
	at = index($0, "\"" name "\":\"")
	if (!at) return ""
	rest = substr($0, at + length(name) + 4)
	match(rest, /^([^"\\]|\\.)*/)
	return substr(rest, 1, RLENGTH)
}
function number(name,   at) {
	at = index($0, "\"" name "\":")
	return at ? substr($0, at + length(name) + 3, 12) + 0 : 0
}
# The kind of call, as tuning.conf names it after "# for".
function kind_of(path) {
	if (path == "/queues/status") return "status"
	if (path == "/queues/enter") return "enter"
	return "other"
}
# The zones of tuning.conf: shown[zone], and per_second[zone].
function read_limits(   line, name, rate, burst) {
	while ((getline line <limits) > 0) {
		sub(/#.*/, "", line)
		if (line ~ /^limit_req_zone/ && match(line, /zone=[a-z0-9_]+/)) {
			name = substr(line, RSTART + 5, RLENGTH - 5)
			match(line, /rate=[0-9]+r\/[sm]/)
			rate = substr(line, RSTART + 5, RLENGTH - 5)
			per_second[name] = rate ~ /m$/ ? rate / 60 : rate + 0
			sub(/r/, "", rate)
			shown[name] = rate
		} else if (line ~ /^limit_req / && match(line, /zone=[a-z0-9_]+/)) {
			name = substr(line, RSTART + 5, RLENGTH - 5)
			burst = match(line, /burst=[0-9]+/) ? substr(line, RSTART + 6, RLENGTH - 6) : 0
			shown[name] = shown[name] ", bursts of " burst
		} else if (split(line, word, /[ \t;]+/) >= 3 && word[1] == "limit_conn")
			shown[word[2]] = word[3] " in flight"
	}
	close(limits)
}

BEGIN { FS = "\001"; read_limits() }
!/^\{"time":"/ || substr($0, 10, 19) < since { next }
{
	weight = number("requests")
	requests += weight
	address = text("remote")
	path = text("path")
	kind = kind_of(path)
	slot = address SUBSEP kind
	minute = substr($0, 10, 16)
	if (minute_of[slot] != minute) {
		minute_of[slot] = minute
		in_minute[slot] = 0
	}
	in_minute[slot] += weight
	if (in_minute[slot] > busiest[slot]) busiest[slot] = in_minute[slot]
	if (index($0, "\"limitZone\":\"\"")) next
}
{
	zone = text("limitZone")
	if (zone == "") next
	verdict = number("status") == 429 ? "refused" : "dry run"
	total[verdict] += weight
	key = zone SUBSEP text("limitKey") SUBSEP verdict
	time = substr($0, 21, 8)
	if (!(key in refused)) {
		keys++
		first[key] = time
	}
	refused[key] += weight
	last[key] = time
	if (call[key] == "") {
		call[key] = substr(text("method") " " path, 1, 40)
		gsub(/[^ -~]/, "?", call[key]) # a terminal would obey some bytes
	}
	if (index(" " addresses[key] " ", " " address " ") == 0 && ++count[key] <= 3)
		addresses[key] = addresses[key] (addresses[key] ? " " : "") address
}
END {
	printf "the last %d minutes: %d requests, %d refused by a limit\n", minutes, requests, total["refused"]
	if (total["dry run"]) printf "%d more would have been refused (limit_req_dry_run)\n", total["dry run"]
	if (keys) {
		printf "\n%-24s %-22s %-18s %8s  %-8s  %-8s  %-28s %s\n", "zone", "limit", "key", "refused", "first", "last",
			"first call", "addresses"
		sorted = "sort -t'\t' -k1,1nr | cut -f2- | head -n " rows
		for (key in refused) {
			split(key, part, SUBSEP)
			limit = "-"
			if (part[1] in shown) limit = shown[part[1]]
			from = addresses[key]
			if (count[key] > 3) from = from sprintf(" and %d more", count[key] - 3)
			if (part[3] != "refused") from = from "  (dry run)"
			printf("%d\t%-24s %-22s %-18s %8d  %-8s  %-8s  %-28s %s\n", refused[key], part[1], limit, part[2], refused[key],
				first[key], last[key], call[key], from) | sorted
		}
		close(sorted)
		if (keys > rows) printf "and %d more keys (ROWS=%d shows them)\n", keys - rows, keys
	}
	printf "\n%-40s %-8s %12s  %s\n", "busiest addresses", "calls", "requests/s", "of the limit by address"
	sorted = "sort -t'\t' -k1,1nr | cut -f2- | head -n " (rows < 5 ? rows : 5)
	for (slot in busiest) {
		split(slot, part, SUBSEP)
		rate = busiest[slot] / 60
		most = per_second[part[2] "_address"]
		near = most ? sprintf("%.1f %% of %d/s", 100 * rate / most, most) : "-"
		printf("%.9f\t%-40s %-8s %12.1f  %s\n", most ? rate / most : 0, part[1], part[2], rate, near) | sorted
	}
	close(sorted)
	print "(the average of each address's busiest minute; one good poll in 100 has a log line, which counts as 100)"
}
