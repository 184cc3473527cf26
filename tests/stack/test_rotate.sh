#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Keys, passwords and the log level change while the services answer requests. Each service has two instances with two workers, so
# that a step counts only when all of them have taken it.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=deploy/local/loaded.sh
source deploy/local/loaded.sh
# shellcheck source=deploy/local/unprivileged.sh
source deploy/local/unprivileged.sh

mapfile -t before < <(print_settings | grep -E '^(([A-Z]+_)?INSTANCES|WORKERS|JWT_ALG|JWT_KEYS_DIR|CHARGE_FUNDING|QUEUE_ACTIVE_TTL_SECONDS)=')

# up_with NAME=VALUE...: the test stack with these settings.
up_with() {
	said=$(env "$@" deploy/local/up --no-journey 2>&1) || fail "make up with $*: $(tail -n 5 <<<"$said")"
	use_running_settings
}

set_up_file() {
	# On a busy machine a user polls for longer than two minutes.
	up_with {,QUEUE_,RESERVATION_,PAYMENT_,POINT_}INSTANCES=2 WORKERS=2 QUEUE_ACTIVE_TTL_SECONDS=3600
	mapfile -t users < <(deploy/local/token --count 6)
	for concert in $(get /concerts | jq -r '.items[].concertId'); do
		schedule=$(get "/schedules?concertId=$concert" | jq -r '.schedules[0].scheduleId // empty')
		[[ -z $schedule ]] || break
	done
}

tear_down_file() {
	stop_load
	up_with "${before[@]}"
}

# ask SERVICE PATH USER_TOKEN [OPTION of curl...]: prints the body and, on a line of its own, the status. One of the instances answers.
ask() {
	local port=${1^^}_PORT
	curl -sS -m 60 -w '\n%{http_code}\n' -H "Authorization: Bearer $3" "${@:4}" "http://127.0.0.1:$((${!port} + RANDOM % INSTANCES))$2"
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

# everywhere COMMAND...: runs it often enough to reach each instance, and most likely each worker. Prints the different lines.
everywhere() {
	local k
	for ((k = 0; k < 16; k++)); do
		"$@"
	done | sort -u | paste -sd' '
}

# everywhere_is WANTED COMMAND...: whether everywhere prints only this.
everywhere_is() {
	[[ $(everywhere "${@:2}") == "$1" ]]
}

# while_polling COMMAND...: runs it while users send requests of all services, and three users enter with each poll. Nothing may fail.
# A token that one worker signs is verified by another.
while_polling() {
	local k loops=()
	start_load
	for k in 0 1 2; do
		while [[ ! -e $work/enough ]]; do
			poll "${users[k]}" "${tokens[k]}"
			poll "${users[k]}" "$(enter "${users[k]}")"
		done >"$work/polls.$k" &
		loops+=($!)
	done
	"$@" >"$work/said" 2>&1 || fail "$*: $(cat "$work/said")"
	touch "$work/enough"
	wait "${loops[@]}"
	rm "$work/enough"
	is "statuses of polls during $*" "$(sort -u "$work"/polls.* | xargs)" 200
	nothing_was_lost
}

test_queue_token_rotation_answers_every_poll() {
	local k new old
	tokens=()
	for k in 0 1 2; do
		tokens+=("$(enter "${users[k]}")")
	done
	while_polling deploy/local/rotate queue-token
	new=$(enter "${users[3]}")
	is 'status of a new token' "$(everywhere poll "${users[3]}" "$new")" 200
	is 'status of an old token' "$(everywhere poll "${users[0]}" "${tokens[0]}")" 200
	lacks 'what the reservation service says to an old token' "$(everywhere holding "${users[0]}" "${tokens[0]}")" QUEUE_TOKEN_NOT_FOUND
	lacks 'what the reservation service says to a new token' "$(everywhere holding "${users[3]}" "$new")" QUEUE_TOKEN_NOT_FOUND
	has 'a second rotation' "$(deploy/local/rotate queue-token 2>&1)" 'the old secret is still in'

	old=${tokens[0]}
	for k in 0 1 2; do
		tokens[k]=$(enter "${users[k]}")
	done
	while_polling deploy/local/rotate --finish queue-token
	is 'status of a new token afterwards' "$(everywhere poll "${users[3]}" "$new")" 200
	is 'status of an old token afterwards' "$(everywhere poll "${users[0]}" "$old")" 404
	is 'an old token in the reservation service' "$(everywhere holding "${users[0]}" "$old")" QUEUE_TOKEN_NOT_FOUND
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
	grep -qx "ct_file_refused{setting=\"$1\"} $2" <<<"$(curl -sS -m 30 "http://127.0.0.1:$QUEUE_PORT/metrics")"
}

test_wrong_secret_file_is_refused_and_the_old_secret_stays() {
	local file token size
	file=$(service_file QUEUE_TOKEN_SECRET_FILE)
	size=$(size_of queue-0.log)
	token=$(enter "${users[4]}")
	cp -p "$file" "$work/right"
	printf short >"$file"
	wait_for 60 refuses QUEUE_TOKEN_SECRET_FILE "$WORKERS"
	is 'status of a token' "$(everywhere poll "${users[4]}" "$token")" 200
	wait_for 60 logged queue-0.log "$size" 'QUEUE_TOKEN_SECRET_FILE: the changed file is refused'
	cp -p "$work/right" "$file"
	wait_for 60 refuses QUEUE_TOKEN_SECRET_FILE 0
	is 'status afterwards' "$(everywhere poll "${users[4]}" "$token")" 200
}

points() {
	ask point /points "$1" | tail -n 1
}

test_jwt_rotation_takes_old_tokens_until_its_end() {
	local new old
	# New users, whose active turns do not end during the test.
	mapfile -t users < <(deploy/local/token --count 6)
	old=${users[5]}
	tokens=("$(enter "${users[0]}")" "$(enter "${users[1]}")" "$(enter "${users[2]}")")
	while_polling deploy/local/rotate jwt
	new=$(deploy/local/token)
	is 'a new token' "$(everywhere points "$new")" 200
	is 'an old token' "$(everywhere points "$old")" 200
	mapfile -t users < <(deploy/local/token --count 6)
	tokens=("$(enter "${users[0]}")" "$(enter "${users[1]}")" "$(enter "${users[2]}")")
	while_polling deploy/local/rotate --finish jwt
	is 'a new token afterwards' "$(everywhere points "$new")" 200
	is 'an old token afterwards' "$(everywhere points "$old")" 401
}

# on_a_new_connection: prints the status of a request. Over HTTP/2 a worker that ends refuses a new request with GOAWAY, which says that
# nothing was done. So a client sends it again.
on_a_new_connection() {
	local try=(curl -ksSv -m 60 -o /dev/null -w '%{http_code}\n' "https://localhost:$GATEWAY_HTTPS_PORT/healthz")
	if ! "${try[@]}" >"$work/status" 2>"$work/trace" && grep -q 'GOAWAY, error=0' "$work/trace"; then
		"${try[@]}" >"$work/status" 2>"$work/trace"
	fi
	grep '^curl: ' "$work/trace" >&2
	cat "$work/status"
}

test_new_certificate_loses_no_request() {
	local loop before
	before=$(<"$RUN_DIR/tls/cert.pem")
	curl -ksS --http1.1 --rate 20/s -o /dev/null -w '%{http_code}\n' "https://localhost:$GATEWAY_HTTPS_PORT/healthz?[1-200]" >"$work/kept" 2>"$work/errors" &
	loop=$!
	while [[ ! -e $work/enough ]]; do
		on_a_new_connection
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
	! curl -fsS -m 30 -o /dev/null --cacert <(echo "$before") "https://localhost:$GATEWAY_HTTPS_PORT/healthz" 2>/dev/null ||
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

# level_is PROGRAM LEVEL: whether all its workers, and no other ones, have the level.
level_is() {
	[[ $(loaded "$1" LOG_LEVEL_FILE) == "$2  $WORKERS" ]]
}

debug_lines_name() {
	grep -hF "$1" "$RUN_DIR"/log/point-?.log | grep -F '"level":"debug"'
}

test_log_level_changes_while_the_service_runs() {
	local id=0197a3c2-1111-7000-8000-$RANDOM file=$RUN_DIR/services/point-0/log-level size
	said=$(deploy/local/log-level debug point 2>&1) || fail "it failed: $said"
	wait_for 60 level_is payment-0 "$LOG_LEVEL"
	ask point /points "${users[0]}" -H "X-Request-Id: $id" >/dev/null
	wait_for 60 debug_lines_name "$id"
	size=$(size_of point-0.log)
	# In one step: an empty file would mean LOG_LEVEL.
	echo loud >"$file.new"
	mv "$file.new" "$file"
	wait_for 60 logged point-0.log "$size" 'LOG_LEVEL_FILE: the changed file is refused'
	wait_for 60 level_is point-0 debug
	said=$(deploy/local/log-level '' 2>&1) || fail "it failed: $said"
	wait_for 60 level_is point-0 "$LOG_LEVEL"
	has 'a level that is none' "$(deploy/local/log-level loud 2>&1)" 'error: LEVEL is one of'
}

# change_file NAME SERVICE CONTENT: the file NAME of the service (its secret of this name, pgpass) has this content from now on: of each
# instance its own copy, if root started the stack.
change_file() {
	local file=$3 folder
	(umask 077 && printf '%s\n' "$3" >"$work/$1.new")
	for folder in "$RUN_DIR/services/$2"-[0-9]; do
		((EUID != 0)) || own_file "$work/$1.new" "$1"
	done
	case $1 in
	pgpass) file=$RUN_DIR/secrets/${2}_service.pgpass ;;
	REDIS_PASSWORD_FILE) file=$RUN_DIR/secrets/redis_$2 ;;
	*) file=${!1} ;;
	esac
	((EUID == 0)) || { cp "$work/$1.new" "$file.new" && mv "$file.new" "$file"; }
}

sha256() {
	printf '%s' "$1" | sha256sum | cut -d' ' -f1
}

# The steps of docs/runbooks/rotate-keys.md. In a subshell, because die ends it.
change_redis_passwords() (
	for service in "${SERVICES[@]}"; do
		old=$(<"$RUN_DIR/secrets/redis_$service") new=$(openssl rand -hex 32)
		mapfile -t names < <(service_programs "$service")
		[[ $(redis ACL SETUSER "$service" "#$(sha256 "$new")") == OK ]] || return 1
		change_file REDIS_PASSWORD_FILE "$service" "$new"
		wait_until_loaded REDIS_PASSWORD_FILE "$(fingerprint "$new")" 'logs in' "${names[@]}" || return 1
		[[ $(redis ACL SETUSER "$service" "!$(sha256 "$old")") == OK ]] || return 1
		echo "$new" >"$work/redis_$service"
	done
	[[ $(redis ACL SAVE) == OK ]]
)

all_are_ready() {
	local name
	for name in $(service_programs "${SERVICES[@]}"); do
		answers "$name" || return 1
	done
}

refusals_in_the_logs() {
	cat "$RUN_DIR"/log/{queue,reservation,payment,point}-?.log | grep -cE 'WRONGPASS|password authentication failed'
}

test_redis_passwords_change_without_a_lost_request() {
	local service refusals
	refusals=$(refusals_in_the_logs)
	tokens=("$(enter "${users[0]}")" "$(enter "${users[1]}")" "$(enter "${users[2]}")")
	while_polling change_redis_passwords
	# The next login uses the new password, and Redis refuses the old one.
	for service in "${SERVICES[@]}"; do
		redis CLIENT KILL USER "$service" >/dev/null
		has "the old password of $service" "$(REDISCLI_AUTH=$(<"$RUN_DIR/secrets/redis_$service") redis-cli --no-auth-warning \
			--user "$service" -p "$REDIS_PORT" PING 2>&1)" WRONGPASS
	done
	# Only one worker of each instance says that it is ready.
	wait_for 60 all_are_ready
	wait_for 60 everywhere_is 200 poll "${users[0]}" "${tokens[0]}"
	is 'refused logins' "$(refusals_in_the_logs)" "$refusals"
	# Back to the passwords of RUN_DIR/secrets.
	for service in "${SERVICES[@]}"; do
		redis ACL SETUSER "$service" "#$(sha256 "$(<"$RUN_DIR/secrets/redis_$service")")" >/dev/null
		change_file REDIS_PASSWORD_FILE "$service" "$(<"$RUN_DIR/secrets/redis_$service")"
	done
}

change_postgres_passwords() {
	local service new
	for service in "${SERVICES[@]}"; do
		new=$(openssl rand -hex 32)
		change_file pgpass "$service" "127.0.0.1:*:concert:${service}_service:$new"
		sql <<<"ALTER ROLE ${service}_service PASSWORD '$new'" || return 1
	done
}

test_postgres_passwords_change_without_a_lost_request() {
	local service
	use_superuser
	tokens=("$(enter "${users[0]}")" "$(enter "${users[1]}")" "$(enter "${users[2]}")")
	while_polling change_postgres_passwords
	# New connections use the new passwords.
	sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%\_service'" >/dev/null
	wait_for 60 all_are_ready
	wait_for 60 everywhere_is 200 points "${users[0]}"
	for service in "${SERVICES[@]}"; do
		sql <<<"ALTER ROLE ${service}_service PASSWORD '$(<"$RUN_DIR/secrets/${service}_service")'"
		change_file pgpass "$service" "$(<"$RUN_DIR/secrets/${service}_service.pgpass")"
	done
}

# key NAME: makes a key pair, and puts the public key into the folder.
key() {
	openssl genrsa -out "$work/$1.key" 2048 2>/dev/null
	openssl rsa -in "$work/$1.key" -pubout -out "$work/$1.pub" 2>/dev/null
	mv "$work/$1.pub" "$work/keys/$1.pem"
}

base64url() {
	base64 -w 0 | tr -- '+/' '-_' | tr -d '='
}

# signed KEY: prints a token of a new user.
signed() {
	local text
	text=$(printf '{"alg":"RS256","typ":"JWT","kid":"%s"}' "$1" | base64url).$(printf '{"sub":"%s","exp":%d}' \
		"$(<"/proc/sys/kernel/random/uuid")" $(($(date +%s) + 3600)) | base64url)
	echo "$text.$(printf '%s' "$text" | openssl dgst -sha256 -sign "$work/$1.key" | base64url)"
}

# The last tests: the services get a folder of keys, and a card pays for each charge.
with_other_settings() {
	[[ ! -d $work/keys ]] || return 0
	mkdir "$work/keys"
	key one
	up_with JWT_ALG=RS256 JWT_KEYS_DIR="$work/keys" CHARGE_FUNDING=card
}

# charge_by_card: prints the status. The simulator refuses another secret than the one of its start.
charge_by_card() {
	ask point /points/charge "$(signed one)" -H 'Content-Type: application/json' -H "Idempotency-Key: $(<"/proc/sys/kernel/random/uuid")" \
		-d "{\"amount\":1000,\"card\":{\"paymentKey\":\"card-$RANDOM$RANDOM$RANDOM\"}}" | tail -n 1
}

# change_card_secret SECRET: of the payment and point services; waits until all workers have it.
change_card_secret() (
	for service in payment point; do
		change_file CARD_PROVIDER_SECRET_FILE "$service" "$1"
		mapfile -t names < <(service_programs "$service")
		wait_until_loaded CARD_PROVIDER_SECRET_FILE "$(fingerprint "$1")" 'logs in' "${names[@]}"
	done
)

test_card_secret_changes_without_a_restart() {
	local right
	with_other_settings
	right=$(<"$CARD_PROVIDER_SECRET_FILE")
	said=$(change_card_secret wrong-wrong-wrong-wrong-wrong-wrong-wrong 2>&1) || fail "$said"
	is 'charges with a wrong secret, to be looked up' "$(everywhere charge_by_card)" 202
	said=$(change_card_secret "$right" 2>&1) || fail "$said"
	is 'charges with the right secret' "$(everywhere charge_by_card)" 201
}

test_key_folder_changes_without_a_restart() {
	local old new processes
	with_other_settings
	processes=$("$RUN_DIR/ctl" status | awk '/^(queue|reservation|payment|point)-/ { print $1, $4 }')
	old=$(signed one)
	is 'a token' "$(everywhere points "$old")" 200
	key two
	new=$(signed two)
	is 'a token of a key that is not there' "$(everywhere points "$new")" 401
	said=$(deploy/local/rotate jwt 2>&1) || fail "it failed: $said"
	is 'a new token' "$(everywhere points "$new")" 200
	is 'an old token' "$(everywhere points "$old")" 200
	rm "$work/keys/one.pem"
	said=$(deploy/local/rotate jwt 2>&1) || fail "it failed: $said"
	is 'a new token afterwards' "$(everywhere points "$new")" 200
	is 'an old token afterwards' "$(everywhere points "$old")" 401
	echo 'no key' >"$work/keys/three.pem"
	has 'a file that is no key' "$(LOADED_SECONDS=5 deploy/local/rotate jwt 2>&1)" "has not loaded the changed JWT_KEYS_DIR"
	is 'a new token with it' "$(everywhere points "$new")" 200
	is 'the processes' "$("$RUN_DIR/ctl" status | awk '/^(queue|reservation|payment|point)-/ { print $1, $4 }')" "$processes"
}

run_tests
