# Sourced by rotate and log-level: waits until all workers of the services have loaded a changed file (the metric ct_loaded).
# shellcheck shell=bash

# A worker looks at its files once a second. A program that has not loaded a file after this time has refused it.
: "${LOADED_SECONDS:=30}"

# service_programs SERVICE...: prints the names of these services' instances.
service_programs() {
	local service k
	for service in "$@"; do
		for ((k = 0; k < $(instances_of "$service"); k++)); do
			echo "$service-$k"
		done
	done
}

# fingerprint SECRET: prints the fingerprint that the services show. No command line holds the secret.
fingerprint() {
	printf '%s' "$1" | sha256sum | cut -c1-8
}

# loaded PROGRAM SETTING: prints what the program's workers have loaded, "VALUE USE WORKERS" on each line.
loaded() {
	curl -fsS -m 2 "http://$(address_of "$1")/metrics" 2>/dev/null |
		sed -n "s/^ct_loaded{setting=\"$2\",value=\"\(.*\)\",use=\"\(.*\)\"} \([0-9]*\)\$/\1 \2 \3/p"
}

# wait_until_loaded SETTING VALUE USE PROGRAM...: fails after LOADED_SECONDS, and names the program that has not loaded the value.
wait_until_loaded() {
	wait_until_all has_loaded "$1" "$2 $3 $WORKERS" "${@:4}"
}

# wait_until_only SETTING USE VALUES PROGRAM...: the same, and also waits until no worker has another value. VALUES: one on a line.
wait_until_only() {
	local value wanted=''
	while read -r value; do
		wanted+="$value $2 $WORKERS"$'\n'
	done <<<"$3"
	wait_until_all has_only_loaded "$1" "$(sort <<<"${wanted%$'\n'}")" "${@:4}"
}

has_loaded() {
	grep -qxF "$3" <<<"$(loaded "$1" "$2")"
}

has_only_loaded() {
	[[ $(loaded "$1" "$2" | sort) == "$3" ]]
}

# wait_until_all CHECK SETTING WANTED PROGRAM...: waits until CHECK is true for each program; fails after LOADED_SECONDS.
wait_until_all() {
	local check=$1 setting=$2 wanted=$3 program deadline=$((SECONDS + LOADED_SECONDS))
	shift 3
	for program in "$@"; do
		until "$check" "$program" "$setting" "$wanted"; do
			((SECONDS < deadline)) || die "$program has not loaded the changed $setting after $LOADED_SECONDS s: make logs P=$program says why"
			sleep 0.2
		done
		echo "    $program"
	done
}
