# Sourced by rotate and log-level: waits until all workers of the services have loaded a changed file (the metric ct_loaded).
# shellcheck shell=bash

# service_programs SERVICE...: the instances of these services.
service_programs() {
	local service k
	for service in "$@"; do
		for ((k = 0; k < $(instances_of "$service"); k++)); do
			echo "$service-$k"
		done
	done
}

# fingerprint SECRET: as the services show it. The secret is on no command line.
fingerprint() {
	printf '%s' "$1" | sha256sum | cut -c1-8
}

# loaded PROGRAM SETTING: what its workers have loaded, "VALUE USE WORKERS" a line.
loaded() {
	curl -fsS -m 2 "http://$(address_of "$1")/metrics" 2>/dev/null |
		sed -n "s/^ct_loaded{setting=\"$2\",value=\"\(.*\)\",use=\"\(.*\)\"} \([0-9]*\)\$/\1 \2 \3/p"
}

# wait_until_loaded SETTING VALUE USE PROGRAM...: fails after 30 s, and says which program is missing.
wait_until_loaded() {
	local setting=$1 wanted="$2 $3 $WORKERS" program deadline=$((SECONDS + 30))
	shift 3
	for program in "$@"; do
		until grep -qxF "$wanted" <<<"$(loaded "$program" "$setting")"; do
			((SECONDS < deadline)) || die "$program has not loaded the changed $setting after 30 s: make logs P=$program says why"
			sleep 0.2
		done
		echo "    $program"
	done
}

# wait_until_only SETTING VALUE USE PROGRAM...: the same, and no worker has another value.
wait_until_only() {
	local setting=$1 wanted="$2 $3 $WORKERS" program deadline=$((SECONDS + 30))
	shift 3
	for program in "$@"; do
		until [[ $(loaded "$program" "$setting") == "$wanted" ]]; do
			((SECONDS < deadline)) || die "$program has not loaded the changed $setting after 30 s: make logs P=$program says why"
			sleep 0.2
		done
		echo "    $program"
	done
}
