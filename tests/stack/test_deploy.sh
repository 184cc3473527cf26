#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# make deploy and make scale, while clients send requests through the gateway: none may fail. make test-deploy runs
# another version beside this one.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=deploy/local/releases.sh
source deploy/local/releases.sh

# make test-deploy sets DEPLOY_LONG.
most=$([[ -n ${DEPLOY_LONG:-} ]] && echo 3 || echo 2)

# new_version NAME: the programs of the payment service as another version. Sets version, and folder where they are.
new_version() {
	version=$1-$$ folder=$work/$1
	mkdir -p "$folder"
	cp "$BUILD_DIR/payment.so" "$BUILD_DIR/kore/kore" "$folder"
	echo "$version" | tee "$folder/version" >>"$folder/payment.so"
}

tear_down_file() {
	stop_load
	deploy/local/scale payment 1 >/dev/null 2>&1
	deploy/local/scale queue 1 >/dev/null 2>&1
	# The release of the tree, for the other files.
	deploy/local/deploy payment --from "$BUILD_DIR" >/dev/null 2>&1
}

# runs SERVICE: prints the versions of its instances.
runs() {
	local k
	for ((k = 0; k < $(use_running_settings && instances_of "$1"); k++)); do
		version_of "$1-$k"
	done | paste -sd' '
}

test_missing_or_unknown_service_is_refused() {
	said=$(make -s deploy STACK_ENV="${STACK_ENV:-}" 2>&1) && fail "deploy without S succeeded"
	has deploy "$said" "S: '' is none of queue, reservation, payment, point: make deploy S=payment"
	said=$(make -s scale S=nothing N=2 STACK_ENV="${STACK_ENV:-}" 2>&1) && fail "scale of an unknown service succeeded"
	has scale "$said" "S: 'nothing' is none of"
}

test_number_out_of_range_is_refused() {
	local n
	for n in 0 99 '' x; do
		said=$(make -s scale S=queue N="$n" STACK_ENV="${STACK_ENV:-}" 2>&1) && fail "N=$n succeeded"
		has "N=$n" "$said" "N: '$n' is not a number of instances from 1 to 8"
	done
}

test_rollback_without_an_earlier_version_is_refused() {
	[[ ! -e $RUN_DIR/releases/point/previous ]] || return 0
	said=$(make -s deploy S=point ROLLBACK=1 STACK_ENV="${STACK_ENV:-}" 2>&1) && fail "it succeeded"
	has 'the message' "$said" "there is no version of point before"
}

# Other commands read the version while `make build` runs: make up of another stack, make deploy.
test_version_is_there_while_a_build_runs() {
	local pid before
	[[ -e .git ]] || return 0
	before=$(<"$BUILD_DIR/version")
	mkdir -p "$work/slow"
	cat >"$work/slow/git" <<-END
		#!/bin/sh
		touch "$work/slow/asked"
		for n in \$(seq 600); do [ -e "$work/slow/enough" ] || sleep 0.1; done
		echo "$before"
	END
	chmod +x "$work/slow/git"
	PATH=$work/slow:$PATH make -s build >"$work/slow/said" 2>&1 &
	pid=$!
	wait_for 120 test -e "$work/slow/asked"
	is 'the version' "$(<"$BUILD_DIR/version")" "$before"
	touch "$work/slow/enough"
	wait "$pid" || fail "make build: $(<"$work/slow/said")"
	is 'the version afterwards' "$(<"$BUILD_DIR/version")" "$before"
}

test_scale_beyond_the_connections_of_postgres_changes_nothing() {
	local before
	before=$(grep '^PG_POOL_SIZE=' "$RUN_DIR/env")
	sed -i 's/^PG_POOL_SIZE=.*/PG_POOL_SIZE=64/' "$RUN_DIR/env"
	said=$(deploy/local/scale queue 2 2>&1) && fail "it succeeded"
	sed -i "s/^PG_POOL_SIZE=.*/$before/" "$RUN_DIR/env"
	has 'the message' "$said" "Each instance needs 64 (WORKERS x PG_POOL_SIZE), so 0 instances fit. 5 are too many"
	has 'the message' "$said" "Nothing was changed"
	is 'instances' "$(use_running_settings && instances_of queue)" 1
	[[ ! -e $RUN_DIR/releases/queue/instance-1 ]] || fail "an instance was prepared"
}

test_only_instance_is_replaced_without_a_lost_request() {
	local before folder version size
	before=$(runs payment)
	size=$(size_of payment-0.log)
	new_version test-1
	start_load
	said=$(deploy/local/deploy payment --from "$folder" 2>&1) || fail "deploy failed: $said"
	is 'the version in /metrics' "$(runs payment)" "$version"
	has 'the migration' "$(tr -s '\n ' ' ' <<<"$said")" \
		'platform: up to date reservation: up to date payment: up to date point: up to date queue: up to date'
	has 'what deploy says' "$said" "payment: version $version on 1 instance(s); before: $before"
	wait_for 120 status_is_whole
	has 'status' "$said" "$version"
	wait_for 60 logged payment-0.log "$size" "version $version starts"
	nothing_was_lost
	is 'programs' "$("$RUN_DIR/ctl" status | grep -c '^payment-')" 1
}

test_scale_and_rollback_lose_no_request() {
	local k before all_now="" all_before=""
	before=$(release_of payment previous)
	for ((k = 0; k < most; k++)); do
		all_now+="${all_now:+ }$(release_of payment current)"
		all_before+="${all_before:+ }$before"
	done
	start_load
	said=$(deploy/local/scale payment "$most" 2>&1) || fail "scale up failed: $said"
	is 'instances' "$(runs payment)" "$all_now"
	said=$(deploy/local/deploy payment --rollback 2>&1) || fail "rollback failed: $said"
	is 'the versions after the rollback' "$(runs payment)" "$all_before"
	said=$(deploy/local/scale payment 1 2>&1) || fail "scale down failed: $said"
	is 'instances' "$(runs payment)" "$before"
	nothing_was_lost
}

test_version_that_does_not_start_stops_the_deployment() {
	local folder before version
	before=$(runs payment)
	new_version test-broken
	head -c 20000 "$BUILD_DIR/payment.so" >"$folder/payment.so"
	start_load
	said=$(deploy/local/deploy payment --from "$folder" 2>&1) && fail "it succeeded"
	has 'one instance' "$said" 'payment-1 ends when it starts'
	has 'one instance' "$said" 'the last lines of'
	# All instances have the version of the service, so a rollback would bring back an older one.
	lacks 'one instance' "$said" 'ROLLBACK=1'
	is 'the version' "$(runs payment)" "$before"
	nothing_was_lost
	is 'current' "$(release_of payment current)" "$before"
}

test_version_that_is_never_ready_stops_the_deployment() {
	local folder before version seconds
	[[ -n ${DEPLOY_LONG:-} ]] || return 0
	before=$(runs payment)
	new_version test-silent
	# It runs, but it listens on another port.
	sed "s/^\([[:blank:]]*bind[[:blank:]].*\)\$PORT/\1$((port + 19))/" services/kore.conf >"$folder/kore.conf"
	seconds=$(grep '^UP_TIMEOUT_SECONDS=' "$RUN_DIR/env")
	sed -i 's/^UP_TIMEOUT_SECONDS=.*/UP_TIMEOUT_SECONDS=5/' "$RUN_DIR/env"
	said=$(deploy/local/deploy payment --from "$folder" 2>&1) && fail "it succeeded"
	sed -i "s/^UP_TIMEOUT_SECONDS=.*/$seconds/" "$RUN_DIR/env"
	has 'the message' "$said" 'payment-1 is not ready after 5 s'
	is 'the version' "$(runs payment)" "$before"
	is 'current' "$(release_of payment current)" "$before"
	[[ ! -e $RUN_DIR/scaling ]] || fail "the deployment left $(<"$RUN_DIR/scaling")"
}

# interrupt CONDITION COMMAND...: starts the command and interrupts it, as Ctrl-C does, when the condition holds. Sets said to what it
# printed.
interrupt() {
	local condition=$1 pid
	shift
	# Without job control, the shell makes its background processes ignore SIGINT.
	env --default-signal=INT setsid "$@" >"$work/interrupted" 2>&1 &
	pid=$!
	# shellcheck disable=SC2086 # a function and its arguments
	wait_for 300 $condition
	kill -INT -- "-$pid"
	wait "$pid" && fail "the interrupted command succeeded"
	said=$(<"$work/interrupted")
}

# starts_with LINK VERSION: whether an instance of payment has this version from its next start on.
starts_with() {
	[[ $(release_of payment "$1") == "$2" ]]
}

# is_down NAME: the instance was told to stop, and does not answer.
is_down() {
	[[ $(answer_of "$1") == "does not answer"* ]]
}

test_interrupted_deployment_goes_on() {
	local folder before version
	before=$(release_of payment current)
	new_version test-interrupted
	start_load
	interrupt "is_down payment-0" deploy/local/deploy payment --from "$folder"
	has 'what it says' "$said" "interrupted: to continue, run the same command; make deploy S=payment ROLLBACK=1 gives all instances $before"
	said=$(deploy/local/deploy payment --from "$folder" 2>&1) || fail "it did not go on: $said"
	has 'what it says' "$said" 'a command was interrupted while it changed the number of instances: payment gets 1'
	is 'the version' "$(runs payment)" "$version"
	nothing_was_lost
}

test_rollback_of_an_interrupted_deployment_is_back_to_the_running_version() {
	local folder before version
	[[ -n ${DEPLOY_LONG:-} ]] || return 0
	before=$(release_of payment current)
	new_version test-interrupted-2
	# Only the second instance, which is there for the deployment, has the new version.
	interrupt "starts_with instance-1 $version" deploy/local/deploy payment --from "$folder"
	said=$(deploy/local/deploy payment --rollback 2>&1) || fail "no rollback: $said"
	is 'the version after the rollback' "$(runs payment)" "$before"
	is 'current' "$(release_of payment current)" "$before"
}

test_interrupted_rollback_goes_on() {
	local before
	[[ -n ${DEPLOY_LONG:-} ]] || return 0
	before=$(release_of payment previous)
	start_load
	interrupt "is_down payment-0" deploy/local/deploy payment --rollback
	said=$(deploy/local/deploy payment --rollback 2>&1) || fail "it did not go on: $said"
	is 'the version' "$(runs payment)" "$before"
	nothing_was_lost
}

test_interrupted_scale_goes_on() {
	local before
	[[ -n ${DEPLOY_LONG:-} ]] || return 0
	before=$(release_of payment current)
	start_load
	interrupt "starts_with instance-1 $before" deploy/local/scale payment 2
	has 'what it says' "$said" 'interrupted: to continue, run make scale S=payment N=2'
	said=$(deploy/local/scale payment 2 2>&1) || fail "it did not go on: $said"
	is 'the versions' "$(runs payment)" "$before $before"
	# The gateway uses both.
	is 'the upstreams' "$(grep -c "server .*:$((PAYMENT_PORT + 1))\b" "$RUN_DIR/gateway/current/servers/payment.conf")" 1
	nothing_was_lost
}

test_stopped_instance_is_started_by_the_same_version() {
	[[ -n ${DEPLOY_LONG:-} ]] || return 0
	use_running_settings
	(($(instances_of payment) == 2)) || deploy/local/scale payment 2 >/dev/null 2>&1
	supervisor stop payment-1 >/dev/null
	said=$(deploy/local/deploy payment --from "$RUN_DIR/releases/payment/current" 2>&1) || fail "it failed: $said"
	wait_for 60 answers payment-1
	deploy/local/scale payment 1 >/dev/null 2>&1
}

test_rollback_with_other_programs_is_refused() {
	said=$(make -s deploy S=payment ROLLBACK=1 FROM=build STACK_ENV="${STACK_ENV:-}" 2>&1) && fail "it succeeded"
	has 'the message' "$said" 'ROLLBACK=1 and FROM: give one of them'
}

test_failed_instance_of_several_gets_its_version_before_again() {
	local folder before version
	[[ -n ${DEPLOY_LONG:-} ]] || return 0
	before=$(runs payment)
	new_version test-broken-2
	head -c 20000 "$BUILD_DIR/payment.so" >"$folder/payment.so"
	start_load
	said=$(deploy/local/scale payment 2 2>&1) || fail "scale failed: $said"
	said=$(deploy/local/deploy payment --from "$folder" 2>&1) && fail "it succeeded with two instances"
	has 'two instances' "$said" "payment-0 ends when it starts. payment-0 has version $before again"
	has 'two instances' "$said" "the deployment of payment $version stopped"
	is 'the versions' "$(runs payment)" "$before $before"
	nothing_was_lost
	is 'current' "$(release_of payment current)" "$before"
}

test_releases_are_bounded() {
	local count
	count=$(find "$RUN_DIR/releases/payment" -mindepth 1 -maxdepth 1 -type d | wc -l)
	((count <= RELEASES_KEPT + 2)) || fail "$count releases of payment are kept"
}

test_reservation_service_newer_than_redis_functions_is_refused() {
	local folder=$work/newer
	mkdir -p "$folder"
	cp "$BUILD_DIR/kore/kore" "$folder"
	sed 's/queue3_check/queue9_check/g' "$BUILD_DIR/reservation.so" >"$folder/reservation.so"
	echo "test-newer-$$" >"$folder/version"
	said=$(deploy/local/deploy reservation --from "$folder" 2>&1) && fail "it succeeded"
	has 'the message' "$said" 'needs queue9_check in Redis, which the newer queue service loads: make deploy S=queue first. Nothing was changed'
}

test_room_of_a_postgres_that_does_not_answer_is_not_counted() {
	said=$(
		# shellcheck source=deploy/local/roll.sh
		source deploy/local/roll.sh
		PG_PORT=1 WHY=
		room_for queue 2 2>&1 || echo "$WHY"
	)
	is 'what it says' "$said" 'PostgreSQL does not answer (make status)'
}

run_tests
