#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# Which settings a later `make up` keeps. Starts no stack.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# up_with NAME=VALUE...: loads the settings as make up does, with this environment only, and keeps what was given. Prints what it
# recalled, and then INSTANCES, QUEUE_INSTANCES and PAYMENT_PORT.
up_with() {
	mkdir -p "$work/kept"
	# shellcheck disable=SC2016
	env -i PATH="$PATH" RUN_DIR="$work/kept" "$@" bash -euc '
		source deploy/local/settings.sh
		source deploy/local/given.sh
		recall_given
		load_settings
		check_settings
		save_given
		echo "${RECALLED:--} / $INSTANCES ${QUEUE_INSTANCES:--} $PAYMENT_PORT"' 2>&1
}

test_given_settings_stay() {
	is 'the first start' "$(up_with INSTANCES=2 PAYMENT_PORT=9530)" "- / 2 - 9530"
	is 'a bare start' "$(up_with)" "INSTANCES=2 PAYMENT_PORT=9530 / 2 - 9530"
	is 'the next bare start' "$(up_with)" "INSTANCES=2 PAYMENT_PORT=9530 / 2 - 9530"
}

test_explicit_setting_wins_and_stays() {
	is 'another number' "$(up_with INSTANCES=3)" "PAYMENT_PORT=9530 / 3 - 9530"
	has 'a bare start' "$(up_with)" "/ 3 - 9530"
}

test_number_of_make_scale_stays() {
	env -i PATH="$PATH" RUN_DIR="$work/kept" bash -euc 'source deploy/local/settings.sh; source deploy/local/given.sh
		keep_given QUEUE_INSTANCES 4; keep_given QUEUE_INSTANCES 5'
	has 'a bare start' "$(up_with)" "/ 3 5 9530"
}

test_empty_setting_is_forgotten() {
	has 'this start' "$(up_with PAYMENT_PORT=)" "/ 3 5 9130"
	has 'the next start' "$(up_with)" "/ 3 5 9130"
}

test_refused_setting_is_not_kept() {
	has 'a wrong number' "$(up_with INSTANCES=9)" "setting INSTANCES: '9'"
	has 'a bare start' "$(up_with)" "/ 3 5 9130"
}

test_defaults_forget_everything() {
	is 'with DEFAULTS' "$(up_with DEFAULTS=1)" "- / 1 - 9130"
	is 'a bare start' "$(up_with)" "- / 1 - 9130"
}

test_stacks_of_tests_keep_nothing() {
	is 'the file' "$(RUN_DIR=$ROOT/.run-test bash -c 'source deploy/local/settings.sh; source deploy/local/given.sh; given_file')" ""
	# STACK_ENV names the folder. The settings of the stack in .run, such as PG_WAL_DIR, must not come into this one.
	is 'the file with STACK_ENV' "$(env -u RUN_DIR STACK_ENV=test bash -c 'source deploy/local/settings.sh; source deploy/local/given.sh; given_file')" ""
	is 'the file without' "$(env -u RUN_DIR -u STACK_ENV bash -c 'source deploy/local/settings.sh; source deploy/local/given.sh; given_file')" "$ROOT/.run/given"
}

test_write_ahead_log_of_another_cluster_stays() {
	local folder k
	source deploy/local/cluster.sh
	folder=$(as_postgres mktemp -d)
	for k in 1 2; do
		as_postgres /usr/lib/postgresql/15/bin/initdb -D "$folder/$k" --waldir="$folder/log-$k" --auth=scram-sha-256 -U postgres \
			--pwfile=/etc/hostname >"$work/initdb.log" 2>&1 || fail "$(tail -n 1 "$work/initdb.log")"
	done
	has 'the log of cluster 1 goes to that of cluster 2' "$( (DATA_DIR=$folder/1 WAL_DIR=$folder/log-2 move_wal) 2>&1)" \
		'has the write-ahead log of another cluster: set PG_WAL_DIR'
	as_postgres chmod 0 "$folder/log-2/000000010000000000000001"
	has 'to a log that cannot be read' "$( (DATA_DIR=$folder/1 WAL_DIR=$folder/log-2 move_wal) 2>&1)" 'set PG_WAL_DIR'
	has 'the log of cluster 2' "$(as_postgres ls "$folder/log-2")" 000000010000000000000001
	as_postgres mkdir "$folder/log-3"
	# What an interrupted move left.
	as_postgres cp "$folder/log-1/000000010000000000000001" "$folder/log-3/000000010000000000000002"
	(DATA_DIR=$folder/1 WAL_DIR=$folder/log-3 move_wal) >/dev/null || fail "its own log did not move"
	is 'the link' "$(as_postgres readlink "$folder/1/pg_wal")" "$folder/log-3"
	is 'the log' "$(as_postgres ls "$folder/log-3" | grep '^0')" 000000010000000000000001
	# The first half of an id is the time of initdb. From 2038 on it has the highest bit.
	printf '\xff' | as_postgres dd of="$folder/1/global/pg_control" bs=1 seek=7 conv=notrunc status=none
	! (DATA_DIR=$folder/1 WAL_DIR=$folder/log-3 log_is_of_this_cluster) 2>/dev/null || fail "the log of an older cluster is taken for that of 2038"
	printf '\xff' | as_postgres dd of="$folder/log-3/000000010000000000000001" bs=1 seek=31 conv=notrunc status=none
	(DATA_DIR=$folder/1 WAL_DIR=$folder/log-3 log_is_of_this_cluster) || fail "a cluster of 2038 does not know its log"
	as_postgres rm -rf "$folder"
}

run_tests
