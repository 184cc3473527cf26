#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Settings that `make up` refuses, and packages. No program may start.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_text_for_a_number_setting_stops_the_start() {
	refused_up QUEUE_TICK_MS=soon
	has 'the message' "$said" "setting QUEUE_TICK_MS: 'soon' is not a whole number from"
}

test_number_out_of_range_stops_the_start() {
	refused_up INSTANCES=0
	has 'the message' "$said" "setting INSTANCES: '0'"
	refused_up PG_PORT=65536
	has 'the message' "$said" "setting PG_PORT: '65536'"
	refused_up HOLD_TTL_SECONDS=-1
	has 'the message' "$said" "setting HOLD_TTL_SECONDS: '-1'"
}

# `make up` checks each setting of the table, so a service does not refuse one later, in its log.
test_value_outside_of_the_table_stops_the_start() {
	local name range value checked=0
	for name in $(setting_names); do
		case ${SETTING_TYPE[$name]} in
		number) range=${SETTING_VALUES[$name]%% *} value=$((${range#*-} + 1)) ;;
		choice) value=perhaps ;;
		path) value='/a;b' ;;
		host | user | log | networks | origins) value='a;b' ;;
		url) value=ftp://here ;;
		*) continue ;;
		esac
		# The folder is checked before all others.
		[[ $name != RUN_DIR ]] || continue
		checked=$((checked + 1))
		said=$(env -u RUN_DIR "${other[@]}" "$name=$value" bash -c 'source deploy/local/settings.sh; load_settings; check_settings' 2>&1) &&
			fail "$name=$value is not refused"
		has 'the message' "$said" "setting $name: '$value' is not $(setting_form "$name") (make settings T=$name"
	done
	((checked >= 50)) || fail "only $checked settings were checked"
}

test_unknown_choice_of_a_setting_stops_the_start() {
	refused_up CHARGE_FUNDING=credit
	has 'the message' "$said" "setting CHARGE_FUNDING: 'credit' is not one of trusted, card"
}

test_missing_secret_stops_the_start() {
	local name
	for name in JWT_SECRET_FILE QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_SECRET_FILE; do
		refused_up "$name=$work/none"
		has 'the message' "$said" "setting $name"
	done
}

test_value_that_cannot_work_stops_the_start() {
	local setting
	for setting in REQUESTS_MAX=4001 QUEUE_SETTLE_SECONDS=20 BIND=192.0.2.1 REDIS_HOST=redis.example.com GATEWAY_WORKERS=many \
		GATEWAY_CONNECTIONS=1 GATEWAY_HSTS_SECONDS=-1 GATEWAY_PUBLIC_PORT=0 'GATEWAY_SERVER_NAME=a;b' GATEWAY_USER=- \
		'GATEWAY_WEBHOOK_ADDRESSES=1.2.3.4;'; do
		refused_up "$setting"
		has 'the message' "$said" "setting ${setting%%=*}: '${setting#*=}' is not "
	done
}

# A RUN_DIR that the user's shell exports is the folder of a stack that the user wants to keep.
test_tests_on_a_folder_that_is_not_theirs_are_refused() {
	local command said
	mkdir -p "$work/theirs"/{secrets,log}
	for command in 'tests/run http' tests/bench/hold tests/bench/gateway 'tests/fault/run short' 'tests/money/run short' \
		'tests/abuse/run short' "deploy/local/clean --only $work/theirs"; do
		# shellcheck disable=SC2086 # words
		said=$(RUN_DIR=$work/theirs timeout 120 $command 2>&1 </dev/null) && fail "$command did not refuse it"
		has "$command" "$said" "setting RUN_DIR: tests and benchmarks remove the stack that they use, so it cannot be $work/theirs"
	done
	is 'what is left of it' "$(cd "$work/theirs" && echo *)" 'log secrets'
}

test_taken_port_stops_the_start_and_names_its_program() {
	refused_up PG_PORT="$PG_PORT"
	has 'the message' "$said" "port $PG_PORT (PG_PORT) is taken by postgres"
	refused_up GATEWAY_HTTPS_PORT="$GATEWAY_HTTPS_PORT"
	has 'the message' "$said" "port $GATEWAY_HTTPS_PORT (GATEWAY_HTTPS_PORT) is taken by nginx"
}

test_one_port_for_two_programs_stops_the_start() {
	refused_up REDIS_PORT=$((port + 2))
	has 'the message' "$said" "port $((port + 2)) is both PG_PORT and REDIS_PORT"
	refused_up INSTANCES=2 PAYMENT_PORT=$((port + 5))
	has 'the message' "$said" "port $((port + 5)) is both QUEUE_PORT + 1 and PAYMENT_PORT"
}

test_ha_with_a_setting_that_it_cannot_have_is_refused() {
	refused_up HA=1 MONITORING=1 HA_MACHINES='10.0.0.1@a 10.0.0.2@b 10.0.0.3@c'
	has 'the message' "$said" "setting HA_MACHINES: '10.0.0.1@a 10.0.0.2@b 10.0.0.3@c' is not empty (with MONITORING=1)"
	refused_up HA=1 PG_VIA_PORT=$((port + 15))
	has 'the message' "$said" "setting PG_VIA_PORT"
}

# Programs in place of dpkg-query and apt-get report that one package is missing and cannot be installed.
test_missing_package_is_named_with_its_reason() {
	mkdir -p "$work/bin"
	cat >"$work/bin/dpkg-query" <<-'END'
		#!/bin/sh
		case "$*" in *redis-server) echo not-installed ;; *) echo installed ;; esac
	END
	printf '#!/bin/sh\necho no network >&2\nexit 100\n' >"$work/bin/apt-get"
	printf '#!/bin/sh\nexec "$@"\n' >"$work/bin/sudo"
	chmod +x "$work"/bin/*
	refused_up PATH="$work/bin:$PATH"
	has 'the message' "$said" "redis-server: the queue's store"
	has 'the message' "$said" "missing packages could not be installed: redis-server"
	lacks 'the message' "$said" "nginx"
}

test_complete_packages_install_nothing() {
	is 'what it says' "$(PATH="$work/none:$PATH" deploy/local/install-packages build run test 2>&1)" ''
}

# What `use_superuser` sets for psql in a test or a command must not reach PostgreSQL and Patroni, which that starts.
test_environment_of_the_superuser_does_not_reach_programs() {
	is 'what is left' "$(use_superuser; bash -c 'source deploy/local/settings.sh; compgen -e PG' | grep -v '^PG_')" ''
}

# Also what names settings elsewhere: C code, env files, containers, Kubernetes, systemd, pages.
test_all_that_names_settings_agrees_with_the_table() {
	said=$(deploy/settings/check 2>&1) || fail "$said"
}

run_tests
