# awk -v zones=zones.conf -v sed=zones.sed -f zones.awk limits/CALL.conf ... tuning.conf
#
# nginx/render runs it on the files that split_limits wrote.
#
# Writes zones.conf. With it the access log names the zone that refused a request and the key that this zone counted. nginx
# itself has no such variable. nginx evaluates the keys of a request's zones in the order of their limits, and stops at the
# zone that refuses. So the zone whose key nginx evaluated last is the one that refused.
#
# To see which keys nginx evaluated, a zone gets a key of its own: $key_of_ZONE, a map of the zone's expression in tuning.conf.
# After nginx has a verdict, this map is empty unless nginx evaluated it before. The map costs each request some time. So a zone
# whose key nginx always evaluates first keeps its own expression: if nginx evaluated no other key, this zone refused.
#
# Prints tuning.conf with these keys, line by line. A running nginx refuses a new key for a zone. So a zone with a key of its
# own gets another name, ZONE.asked, and zones.sed changes the limits accordingly.
#
# The log never holds a secret as a key. It holds an address, the number of a connection, or the fingerprint of any other key.
# The token cannot be computed from the 40 bits of a fingerprint. A value that is too short to be a token has no fingerprint,
# because it could be guessed from it.

function fault(why) { wrong = wrong "nginx/tuning.conf:" FNR ": " why "\n" }
function map(from, to, rows) { printf "map %s %s {\n%s}\n", from, to, rows >zones }
function word(text, before, after) { sub(before, "", text); sub(after, "", text); return text }
{ code = $0; sub(/(^|[[:space:];{}])#.*/, "", code) }

BEGIN {
	# The calls whose locations set $path. By $path the log knows these calls from all others.
	call_at["/queues/status"] = "status"
	call_at["/queues/enter"] = "enter"
	call_at["/points"] = "points"
	for (path in call_at) told[call_at[path]] = 1
}

# First it reads the limits of each kind of call, in their order. k is the kind of a limit: 1 for rates, 0 for connections.
FILENAME != last_file { last_file = FILENAME; call = FILENAME; sub(/.*\//, "", call); sub(/\.conf$/, "", call) }
function limit(k, zone) {
	if (!(k SUBSEP call in first)) first[k, call] = zone
	uses[++n] = k SUBSEP call SUBSEP zone
	# The files keep the lines of tuning.conf, so the order of the limits is that of their lines.
	limit_on[FNR] = zone
	if (FNR > lines) lines = FNR
}
FILENAME ~ /limits\/[a-z]*\.conf$/ && code ~ /^[[:space:]]*limit_req[[:space:]]/ { limit(1, word(code, ".*zone=", "[[:space:];].*")) }
FILENAME ~ /limits\/[a-z]*\.conf$/ && code ~ /^[[:space:]]*limit_conn[[:space:]]/ {
	limit(0, word(code, "^[[:space:]]*limit_conn[[:space:]]+", "[[:space:];].*"))
}
FILENAME ~ /limits\/[a-z]*\.conf$/ { next }
function first_of(k, call) { return first[k, (call in told) ? call : "other"] }
!decided {
	decided = 1
	for (i = 1; i <= n; i++) {
		split(uses[i], use, SUBSEP)
		if (use[3] != first_of(use[1], use[2])) asked[use[3]] = 1
	}
}
# Returns 1 if, in each call that has the zone, the other zone is the first.
function only_with(zone, other,   i, use) {
	for (i = 1; i <= n; i++) {
		split(uses[i], use, SUBSEP)
		if (use[3] == zone && first_of(use[1], use[2]) != other) return 0
	}
	return 1
}

# Then it prints the zones with their new keys.
code !~ /(^|[[:space:];{}])limit_(req|conn)_zone([[:space:]]|$)/ { print; next }
code !~ /^[[:space:]]*limit_(req|conn)_zone[[:space:]]+[^;{}]*[[:space:]]zone=[a-z0-9_]+:[^;{}]*;[[:space:]]*$/ {
	fault("a zone stands on one line, with nothing else: its key, then zone=name:size (a-z, 0-9, _)")
	next
}
{
	key = word(code, "^[[:space:]]*[a-z_]+[[:space:]]+", "[[:space:]]+zone=.*")
	name = word(code, ".*[[:space:]]zone=", ":.*")
	# "instead of ZONE": no request has a key in both zones. So a request with a key in this zone has this zone as its first.
	if (match($0, /# instead of [a-z0-9_]+/)) {
		other = substr($0, RSTART + 13, RLENGTH - 13)
		if (only_with(name, other)) {
			delete asked[name]
			instead[other] = name
		}
	}
	rate[name] = code ~ /limit_req_zone/
	if (name in asked) map(rate[name] ? "$limit_req_status" : "$limit_conn_status", "$key_of_" name,
		"\t\"\" " key ";\n" (rate[name] ? "" : "\tPASSED " key ";\n") "\tdefault \"\";\n")
	key_of[name] = (name in asked) ? "$key_of_" name : key
	if (key ~ /_addr/) keys = keys "\t" name " $remote_addr;\n"
	else if (key ~ /_connection/) keys = keys "\t" name " \"connection $connection\";\n"
	else secrets = secrets "\t" name " " key_of[name] ";\n"
	at = index($0, key)
	line = substr($0, 1, at - 1) key_of[name] substr($0, at + length(key))
	if (name in asked) {
		sub("zone=" name ":", "zone=" name ".asked:", line)
		printf "s/^([[:space:]]*limit_req[[:space:]]([^;]*[[:space:]])?zone=%s)([[:space:];])/\\1.asked\\3/\n", name >sed
		printf "s/^([[:space:]]*limit_conn[[:space:]]+%s)([[:space:]])/\\1.asked\\2/\n", name >sed
	}
	print line
}

# $last_K_N: the last zone that nginx evaluated, of the first N with a key of their own. $last_K_0: the zone that it evaluates
# first.
function chain(name, k) {
	map("$key_of_" name, "$last_" k "_" (length_of[k] + 1), "\t\"\" $last_" k "_" length_of[k] ";\n\tdefault " name ";\n")
	length_of[k]++
}
function first_zone(k, call,   zone) {
	zone = first[k, call]
	return (zone in instead) ? "$first_" zone : "\"" zone "\""
}
function first_asked(k,   path, rows) {
	for (path in call_at) if (k SUBSEP call_at[path] in first) rows = rows "\t" path " " first_zone(k, call_at[path]) ";\n"
	map("$path", "$last_" k "_0", rows "\tdefault " first_zone(k, "other") ";\n")
}
# The verdicts of nginx's two modules that mean: a zone of kind k has refused, or would have (limit_req_dry_run).
function verdicts(k, list,   i, m, own, verdict, rows) {
	m = split(list, own, " ")
	for (i = 0; i <= m; i++) for (verdict = 0; verdict < 2; verdict++)
		rows = rows "\t\"" (k ? dry[verdict] " " own[i] : own[i] " " dry[verdict]) "\" $last_" k "_" length_of[k] ";\n"
	return rows
}
END {
	length_of[0] = length_of[1] = 0
	for (zone in instead) map(key_of[instead[zone]], "$first_" zone, "\t\"\" " zone ";\n\tdefault " instead[zone] ";\n")
	first_asked(0)
	first_asked(1)
	for (i = 1; i <= lines; i++) if (limit_on[i] in asked && !(limit_on[i] in seen)) {
		chain(limit_on[i], rate[limit_on[i]])
		seen[limit_on[i]] = 1
	}
	dry[0] = "REJECTED"
	dry[1] = "REJECTED_DRY_RUN"
	map("\"$limit_req_status $limit_conn_status\"", "$limit_zone", verdicts(1, "PASSED") \
		verdicts(0, "PASSED DELAYED DELAYED_DRY_RUN REJECTED_DRY_RUN") "\tdefault \"\";\n")
	map("$limit_zone", "$limit_key", "\t\"\" \"\";\n" keys "\tdefault $limit_fingerprint;\n")
	map("$limit_zone", "$limit_secret", secrets "\tdefault \"\";\n")
	for (i = 1; i <= 10; i++) {
		for (k = 0; k < 15; k++) digit[i] = digit[i] sprintf("\t6.25%% %x;\n", k)
		printf "split_clients \"%d $limit_secret\" $digit_%d {\n%s\t* f;\n}\n", i, i, digit[i] >zones
		digits = digits "$digit_" i
	}
	map("$limit_secret", "$limit_fingerprint", "\t\"~(?s)^.{48}\" \"" digits "\";\n\tdefault short;\n")
	printf "%s", wrong >"/dev/stderr"
	exit wrong != ""
}
