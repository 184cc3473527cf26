# awk -v zones=zones.conf -v sed=zones.sed -f zones.awk limits/CALL.conf ... tuning.conf
#
# nginx/render runs it on the files that split_limits wrote.
#
# Writes zones.conf, from which the access log names the zone that refused a request and the key that it counted. nginx
# itself has no such variable. It asks for the keys of a request's zones in the order of their limits, and stops at the zone
# that refuses. So the last zone whose key was asked for has refused. A zone gets a key of its own ($key_of_ZONE, the zone's
# expression in tuning.conf), which is empty unless nginx asked for it before there was a verdict. This costs each request
# some time, so a zone that is always the first to be asked keeps its key: it has refused where no other was asked. Prints
# tuning.conf with these keys, line by line. A running nginx refuses another key for a zone, so a zone with a key of its own
# has a name of its own, ZONE.asked; zones.sed changes the limits accordingly.
#
# What the log has of a key is never a secret: an address; the number of a connection; of anything else a fingerprint. Its
# 40 bits do not tell the token, and a value too short to be a token has none, because somebody could guess such a value.

function fault(why) { wrong = wrong "nginx/tuning.conf:" FNR ": " why "\n" }
function map(from, to, rows) { printf "map %s %s {\n%s}\n", from, to, rows >zones }
function word(text, before, after) { sub(before, "", text); sub(after, "", text); return text }
{ code = $0; sub(/(^|[[:space:];{}])#.*/, "", code) }

BEGIN {
	# The calls whose locations set $path, so that the log can tell them from all others.
	call_at["/queues/status"] = "status"
	call_at["/queues/enter"] = "enter"
	call_at["/points"] = "points"
	for (path in call_at) told[call_at[path]] = 1
}

# First the limits of each kind of call, in their order. Kind k of a limit: 1 for rates, 0 for connections.
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
# Is each limit of the zone for calls of which the other zone is the first?
function only_with(zone, other,   i, use) {
	for (i = 1; i <= n; i++) {
		split(uses[i], use, SUBSEP)
		if (use[3] == zone && first_of(use[1], use[2]) != other) return 0
	}
	return 1
}

# Then its zones, with their other keys.
code !~ /(^|[[:space:];{}])limit_(req|conn)_zone([[:space:]]|$)/ { print; next }
code !~ /^[[:space:]]*limit_(req|conn)_zone[[:space:]]+[^;{}]*[[:space:]]zone=[a-z0-9_]+:[^;{}]*;[[:space:]]*$/ {
	fault("a zone stands on one line, with nothing else: its key, then zone=name:size (a-z, 0-9, _)")
	next
}
{
	key = word(code, "^[[:space:]]*[a-z_]+[[:space:]]+", "[[:space:]]+zone=.*")
	name = word(code, ".*[[:space:]]zone=", ":.*")
	# "instead of ZONE": no request has a key in both. So one that has a key in this zone was first asked for that.
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

# $last_K_N: the last zone asked, of the first N that have a key of their own; $last_K_0: the zone that is asked first.
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
# The verdicts of the two modules at which a zone of kind k has refused, or would have (limit_req_dry_run).
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
