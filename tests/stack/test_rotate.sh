#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Keys and the log level change while the services answer requests.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=deploy/local/loaded.sh
source deploy/local/loaded.sh

# ask SERVICE PATH USER_TOKEN [OPTION of curl...]: prints the body and, on a line of its own, the status.
ask() {
	local port=${1^^}_PORT
	curl -sS -m 10 -w '\n%{http_code}\n' -H "Authorization: Bearer $3" "${@:4}" "http://127.0.0.1:${!port}$2"
}

# enter USER_TOKEN: prints a queue token.
enter() {
	ask queue /queues/enter "$1" -H 'Content-Type: application/json' -d "{\"concertId\":\"$concert\",\"scheduleId\":\"$schedule\"}" |
		head -n 1 | jq -r .token
}

# poll USER_TOKEN QUEUE_TOKEN: prints the status.
poll() {
	ask queue /queues/status "$1" -H "X-Queue-Token: $2" | tail -n 1
}

# holding USER_TOKEN QUEUE_TOKEN: what the reservation service says to the queue token.
holding() {
	ask reservation /reservations/hold "$1" -H "X-Queue-Token: $2" -H 'Content-Type: application/json' \
		-d "{\"scheduleId\":\"$schedule\",\"seatIds\":[\"0197a3c2-0000-7000-8000-000000000009\"]}" | head -n 1 | jq -r .code
}

set_up_file() {
	mapfile -t users < <(deploy/local/token --count 6)
	concert=$(get /concerts | jq -r '.items[0].concertId')
	for concert in $(get /concerts | jq -r '.items[].concertId'); do
		schedule=$(get "/schedules?concertId=$concert" | jq -r '.schedules[0].scheduleId // empty')
		[[ -z $schedule ]] || break
	done
}

# while_polling COMMAND...: runs it while the users ask for their status. Sets $polls to the statuses, each with its number.
while_polling() {
	local k loops=()
	for k in 0 1 2; do
		while [[ ! -e $work/enough ]]; do
			poll "${users[k]}" "${tokens[k]}"
		done >"$work/polls.$k" &
		loops+=($!)
	done
	"$@" >"$work/said" 2>&1 || fail "$*: $(cat "$work/said")"
	touch "$work/enough"
	wait "${loops[@]}"
	rm "$work/enough"
	polls=$(cat "$work"/polls.* | sort | uniq -c | awk '{ print $2 }' | xargs)
}

test_queue_token_rotation_answers_every_poll() {
	local k new
	tokens=()
	for k in 0 1 2; do
		tokens+=("$(enter "${users[k]}")")
	done
	while_polling deploy/local/rotate queue-token
	is 'statuses during the rotation' "$polls" 200
	new=$(enter "${users[3]}")
	is 'status of a new token' "$(poll "${users[3]}" "$new")" 200
	is 'status of an old token' "$(poll "${users[0]}" "${tokens[0]}")" 200
	[[ $(holding "${users[0]}" "${tokens[0]}") != QUEUE_TOKEN_NOT_FOUND ]] || fail 'the reservation service refuses an old token'
	[[ $(holding "${users[3]}" "$new") != QUEUE_TOKEN_NOT_FOUND ]] || fail 'the reservation service refuses a new token'
	has 'a second rotation' "$(deploy/local/rotate queue-token 2>&1)" 'the old secret is still in'

	said=$(deploy/local/rotate --finish queue-token 2>&1) || fail "the end of the rotation: $said"
	is 'status of a new token afterwards' "$(poll "${users[3]}" "$new")" 200
	is 'status of an old token afterwards' "$(poll "${users[0]}" "${tokens[0]}")" 404
	is 'an old token in the reservation service' "$(holding "${users[0]}" "${tokens[0]}")" QUEUE_TOKEN_NOT_FOUND
	is 'the end of a rotation that is over' "$(deploy/local/rotate --finish queue-token 2>&1)" \
		"error: there is no old secret in $QUEUE_TOKEN_SECRET_FILE"
	is 'secrets in the log' "$(grep -rlF "$(<"$QUEUE_TOKEN_SECRET_FILE")" "$RUN_DIR/log" | wc -l)" 0
}

test_interrupted_rotation_goes_on_with_its_secret() {
	local old next=eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee
	old=$(<"$QUEUE_TOKEN_SECRET_FILE")
	printf '%s' "$next" >"$QUEUE_TOKEN_SECRET_FILE.next"
	printf '%s\n%s' "$old" "$next" >"$QUEUE_TOKEN_SECRET_FILE"
	said=$(deploy/local/rotate queue-token 2>&1) || fail "it failed: $said"
	is 'the file' "$(<"$QUEUE_TOKEN_SECRET_FILE")" "$next"$'\n'"$old"
	[[ ! -e $QUEUE_TOKEN_SECRET_FILE.next ]] || fail 'the next secret is still there'
	said=$(deploy/local/rotate --finish queue-token 2>&1) || fail "it failed: $said"
}

# The file that the service reads: its own copy if root started the stack.
service_file() {
	local file=$RUN_DIR/services/queue-0/$1
	if [[ -e $file ]]; then echo "$file"; else echo "${!1}"; fi
}

refuses() {
	curl -sS "http://127.0.0.1:$QUEUE_PORT/metrics" | grep -qx "ct_file_refused{setting=\"$1\"} $2"
}

test_wrong_secret_file_is_refused_and_the_old_secret_stays() {
	local file token
	file=$(service_file QUEUE_TOKEN_SECRET_FILE)
	token=$(enter "${users[4]}")
	cp -p "$file" "$work/right"
	printf short >"$file"
	wait_for 20 refuses QUEUE_TOKEN_SECRET_FILE 1
	is 'status of a token' "$(poll "${users[4]}" "$token")" 200
	has 'the log' "$(tail -n 50 "$RUN_DIR/log/queue-0.log")" 'QUEUE_TOKEN_SECRET_FILE: the changed file is refused'
	cp -p "$work/right" "$file"
	wait_for 20 refuses QUEUE_TOKEN_SECRET_FILE 0
	is 'status afterwards' "$(poll "${users[4]}" "$token")" 200
}

points() {
	ask point /points "$1" | tail -n 1
}

test_jwt_rotation_takes_old_tokens_until_its_end() {
	local new
	tokens=("$(enter "${users[0]}")" "$(enter "${users[1]}")" "$(enter "${users[2]}")")
	while_polling deploy/local/rotate jwt
	is 'statuses during the rotation' "$polls" 200
	new=$(deploy/local/token)
	is 'a new token' "$(points "$new")" 200
	is 'an old token' "$(points "${users[5]}")" 200
	said=$(deploy/local/rotate --finish jwt 2>&1) || fail "the end of the rotation: $said"
	is 'a new token afterwards' "$(points "$new")" 200
	is 'an old token afterwards' "$(points "${users[5]}")" 401
	mapfile -t users < <(deploy/local/token --count 6)
}

test_new_certificate_loses_no_request() {
	local loop before
	before=$(<"$RUN_DIR/tls/cert.pem")
	curl -ksS --http1.1 --rate 20/s -o /dev/null -w '%{http_code}\n' "https://localhost:$GATEWAY_HTTPS_PORT/healthz?[1-200]" >"$work/kept" 2>"$work/errors" &
	loop=$!
	while [[ ! -e $work/enough ]]; do
		curl -ksS -o /dev/null -w '%{http_code}\n' "https://localhost:$GATEWAY_HTTPS_PORT/healthz"
	done >"$work/new" 2>>"$work/errors" &
	said=$(deploy/local/rotate certificate 2>&1) || fail "it failed: $said"
	touch "$work/enough"
	wait "$loop"
	wait
	rm "$work/enough"
	is 'answers on a kept connection' "$(sort "$work/kept" | uniq -c | awk '{ print $2 "=" $1 }')" 200=200
	is 'answers on new connections' "$(sort -u "$work/new")" 200
	is errors "$(<"$work/errors")" ''
	[[ $(<"$RUN_DIR/tls/cert.pem") != "$before" ]] || fail 'the certificate is the old one'
	get /healthz >/dev/null || fail 'a client that trusts the new certificate is refused'
	! curl -fsS -m 5 -o /dev/null --cacert <(echo "$before") "https://localhost:$GATEWAY_HTTPS_PORT/healthz" 2>/dev/null ||
		fail 'the old certificate is shown'
}

test_wrong_certificate_changes_nothing() {
	cp -p "$RUN_DIR/tls/key.pem" "$work/key.pem"
	openssl ecparam -genkey -name prime256v1 -noout -out "$RUN_DIR/tls/key.pem" 2>/dev/null
	said=$(deploy/local/gateway-reload 2>&1) && fail 'a key of another certificate was taken'
	has 'what it says' "$said" 'nothing was changed'
	get /healthz >/dev/null || fail 'the gateway does not answer'
	cp -p "$work/key.pem" "$RUN_DIR/tls/key.pem"
}

test_log_level_changes_while_the_service_runs() {
	local id=0197a3c2-1111-7000-8000-$RANDOM
	said=$(deploy/local/log-level debug point 2>&1) || fail "it failed: $said"
	is 'the levels of another service' "$(loaded payment-0 LOG_LEVEL_FILE)" "$LOG_LEVEL  $WORKERS"
	ask point /points "${users[0]}" -H "X-Request-Id: $id" >/dev/null
	has 'the log' "$(grep -F "$id" "$RUN_DIR/log/point-0.log")" '"level":"debug"'
	echo loud >"$RUN_DIR/services/point-0/log-level"
	wait_for 20 grep -q 'LOG_LEVEL_FILE: the changed file is refused' "$RUN_DIR/log/point-0.log"
	is 'the level' "$(loaded point-0 LOG_LEVEL_FILE)" "debug  $WORKERS"
	said=$(deploy/local/log-level '' 2>&1) || fail "it failed: $said"
	is 'the level afterwards' "$(loaded point-0 LOG_LEVEL_FILE)" "$LOG_LEVEL  $WORKERS"
	has 'a level that is none' "$(deploy/local/log-level loud 2>&1)" 'error: LEVEL is one of'
}

run_tests
