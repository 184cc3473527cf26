#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The event stream: each event arrives once and in order, whatever process is killed.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# relay_metric NAME: prints the sum of the metric over all instances of all services.
relay_metric() {
	local base k
	for base in "$QUEUE_PORT" "$RESERVATION_PORT" "$PAYMENT_PORT" "$POINT_PORT"; do
		for ((k = 0; k < INSTANCES; k++)); do
			curl -fsS -m 30 "http://127.0.0.1:$((base + k))/metrics" | sed -n "s/^$1 //p"
		done
	done | awk '{ n += $1 } END { print n + 0 }'
}

# is_more_than NUMBER NAME
is_more_than() {
	awk -v number="$1" '{ exit $1 <= number }' <<<"$(relay_metric "$2")"
}

# Prints "pid service" of the worker that became the relay last.
relay() {
	grep -h 'this worker relays events now' "$RUN_DIR"/log/{queue,reservation,payment,point}-*.log |
		jq -rs 'max_by(.time) | "\(.pid) \(.service)"'
}

# relay_runs: sets $pid and $service to those of the relay. Fails while the last one is dead and no worker has taken its place.
relay_runs() {
	read -r pid service < <(relay) && [[ $(readlink "/proc/$pid/exe") == */kore* ]]
}

# crowd_charges SECONDS: 200 charges for each second, at most 200 a second, by 20 new users. Their ids begin with $crowd. A slow machine
# needs more time for the same charges.
crowd_charges() {
	cat >"$work/charges.sql" <<-END
		\set n random(100000000001, 100000000020)
		SELECT point.charge(('$crowd' || :n)::uuid, 1000, gen_random_uuid()::text, 'h', 'crowd');
	END
	timeout 300 pgbench --no-vacuum --client=4 --rate=200 --transactions=$(($1 * 50)) --file="$work/charges.sql" >"$work/charges.log" 2>&1 ||
		fail "charges: $(tail -n 3 "$work/charges.log")"
}

backlog_is_none() {
	[[ $(relay_metric events_backlog) == 0 ]]
}

as_reader=(REDIS_USER=events REDIS_PASSWORD_FILE="$RUN_DIR/secrets/redis_events")

# Makes a new consumer group for the events from now on.
new_group() {
	group=$crowd
	redis XGROUP CREATE events "$group" \$ MKSTREAM >/dev/null
}

start_consumer() {
	setsid env "${as_reader[@]}" deploy/examples/consumer/consume "$work/consumed" "$group" >"$work/consumer.log" 2>&1 &
	consumer=$!
}

# Kills the consumer and its redis-cli, which would otherwise read one more event for it.
kill_consumer() {
	kill -KILL -- "-$consumer"
	wait "$consumer" 2>/dev/null
}

# Print the crowd's entries by wallet and in order, once from the ledger and once from the consumed events.
in_the_ledger() {
	sql -F ' ' -c "SELECT user_id, entry_id FROM point.entries WHERE user_id::text LIKE '$crowd%' ORDER BY user_id, version"
}
consumed() {
	awk -F '\t' -v crowd="$crowd" 'index($3, crowd) == 1 { print $3, $5 }' "$work/consumed" |
		sed 's/ {.*"historyId" : "\([0-9a-f-]*\)".*/ \1/' | sort -s -k1,1
}
all_is_consumed() {
	[[ $(consumed | wc -l) -ge $(in_the_ledger | wc -l) ]]
}

test_killed_relay_and_consumer_deliver_each_event_once_in_order() {
	local charges group pid service
	use_superuser
	crowd=$(sql -c "SELECT left(platform.uuid_v7()::text, 24)")
	new_group
	start_consumer
	crowd_charges 9 &
	charges=$!
	sleep 2
	# Kills the relay's worker during its work. A worker of any service becomes the relay when the lease expires.
	wait_for 120 relay_runs
	kill -KILL "$pid"
	kill_consumer
	start_consumer
	sleep 3
	wait_for 120 relay_runs
	"$RUN_DIR/ctl" signal KILL "$service-0" >/dev/null
	sleep 1
	kill_consumer
	start_consumer
	wait "$charges" || fail "the charges failed"
	wait_for 300 nothing_waits_in_the_outbox
	wait_for 300 all_is_consumed
	is charges "$(in_the_ledger | wc -l)" 1800
	[[ $(consumed) == "$(in_the_ledger)" ]] ||
		fail "consumed and ledger differ: $(diff <(in_the_ledger) <(consumed) | head -n 5)"
	kill_consumer
}

# Entries leave the stream before the consumer reads them. It stops with a message, and catches up as docs/events.md says.
test_consumer_that_missed_entries_stops_and_catches_up() {
	local group said status=0 last after
	use_superuser
	crowd=$(sql -c "SELECT left(platform.uuid_v7()::text, 24)")
	new_group
	crowd_charges 1
	UNTIL_IDLE=500 env "${as_reader[@]}" deploy/examples/consumer/consume "$work/consumed" "$group" || fail "the consumer failed"
	crowd_charges 2
	wait_for 300 nothing_waits_in_the_outbox
	redis XTRIM events MAXLEN 20 >/dev/null
	crowd_charges 1
	wait_for 300 nothing_waits_in_the_outbox
	said=$(UNTIL_IDLE=500 env "${as_reader[@]}" deploy/examples/consumer/consume "$work/consumed" "$group" 2>&1) || status=$?
	is 'the exit status' "$status" 3
	has 'the message' "$said" 'have left the stream unread'
	read -r last after < <(sed -n 's/^entries after \([0-9-]*\), up to \([0-9-]*\),.*/\1 \2/p' <<<"$said")
	sql -F $'\t' -v since="${last%-*}" <<-'END' | env "${as_reader[@]}" deploy/examples/consumer/consume "$work/consumed" "$group" catch-up "$after"
		SELECT event_id, type, key, platform.rfc3339(at), data FROM platform.events
		WHERE sent_at >= to_timestamp(:since / 1000.0) - interval '1 minute' ORDER BY sent_at, event_id;
	END
	UNTIL_IDLE=500 env "${as_reader[@]}" deploy/examples/consumer/consume "$work/consumed" "$group" || fail "the consumer failed again"
	is charges "$(in_the_ledger | wc -l)" 800
	[[ $(consumed) == "$(in_the_ledger)" ]] ||
		fail "consumed and ledger differ: $(diff <(in_the_ledger) <(consumed) | head -n 5)"
	redis XGROUP DESTROY events "$group" >/dev/null
}

# Entries stay for EVENTS_KEEP_SECONDS, however many arrive.
test_old_events_leave_the_stream_and_recent_ones_stay() {
	local n first
	use_superuser
	sql -c "UPDATE platform.events SET sent_at = sent_at - interval '2 hours'"
	redis DEL events >/dev/null
	for ((n = 1; n <= 300; n++)); do
		echo "XADD events $n-0 id 1"
	done | redis >/dev/null
	crowd=$(sql -c "SELECT left(platform.uuid_v7()::text, 24)")
	crowd_charges 1
	wait_for 300 nothing_waits_in_the_outbox
	first=$(redis --json XRANGE events - + COUNT 1 | jq -r '.[0][0]')
	((${first%-*} > 100)) || fail "the oldest entry is still $first"
	is 'the young ones that are there' "$(redis --json XREVRANGE events + - COUNT 1000 |
		jq --arg crowd "$crowd" '[.[][1][5] | strings | select(startswith($crowd))] | unique_by(.) | length')" \
		"$(in_the_ledger | cut -d' ' -f1 | sort -u | wc -l)"
	redis DEL events >/dev/null
}

test_events_of_a_redis_outage_are_sent_again() {
	local before group
	use_superuser
	before=$(relay_metric events_again_total)
	crowd=$(sql -c "SELECT left(platform.uuid_v7()::text, 24)")
	new_group
	# Events of other tests get an old time, so that the relay does not send them again.
	sql -c "UPDATE platform.events SET sent_at = sent_at - interval '2 hours'"
	start_consumer
	"$RUN_DIR/ctl" stop redis >/dev/null
	crowd_charges 2
	wait_for 300 is_more_than 100 events_backlog || fail "the backlog is $(relay_metric events_backlog)"
	wait_for 300 is_more_than 0.5 events_lag_seconds || fail "the lag is $(relay_metric events_lag_seconds) s"
	"$RUN_DIR/ctl" start redis >/dev/null
	wait_for 300 nothing_waits_in_the_outbox
	wait_for 300 all_is_consumed
	# The stream, its consumer group and the unread entries are lost. No new event happens.
	kill_consumer
	sed -i '$d' "$work/consumed"
	redis DEL events >/dev/null
	wait_for 300 sh -c "deploy/local/redis-cli XLEN events | grep -qx '[1-9][0-9]*'"
	start_consumer
	wait_for 300 all_is_consumed
	[[ $(consumed) == "$(in_the_ledger)" ]] || fail "after the loss: $(diff <(in_the_ledger) <(consumed) | head -n 5)"
	(($(relay_metric events_again_total) > before)) || fail "nothing was sent again"
	wait_for 300 nothing_waits_in_the_outbox
	wait_for 300 backlog_is_none
	kill_consumer
}

run_tests
