# Sourced by settings.sh: free ports for the stacks of tests and benchmarks, so that several checkouts can test on one machine
# at the same time.
# shellcheck shell=bash
#
# Each stack has a block of 300 ports. The blocks are below the range from which Linux gives ports to clients. GATEWAY_HTTPS_PORT is the
# first port of its block. `make up` writes the ports to RUN_DIR/env. While the stack runs, every command takes them from there.

TEST_PORT_FIRST=10000 TEST_PORT_BLOCK=300 TEST_PORT_BLOCKS=73
# Where each port is in the block. Services need eight ports each, one for each instance. Tests use the ports between these for
# their own servers: +48 and +80 (services), +60 (servers of benchmarks, tests/clients, tests/sql), +75 and +140 (providers), +101 and
# +120 (Redis servers and clusters), +110 (tests/monitoring), +150 and +160 (tests/gateway), +170 (services), +180 (tests/stack),
# +200 (Redis servers and services of tests/http) and +250 (its Redis Cluster).
declare -A TEST_PORT_OFFSETS=([GATEWAY_HTTPS_PORT]=0 [GATEWAY_HTTP_PORT]=1 [PG_PORT]=2 [QUEUE_PORT]=10 [RESERVATION_PORT]=20
	[PAYMENT_PORT]=30 [POINT_PORT]=40 [TOSS_PORT]=70 [GATEWAY_STATUS_PORT]=71 [GATEWAY_METRICS_PORT]=72 [NGINX_METRICS_PORT]=73 [PROMETHEUS_PORT]=74
	[POSTGRES_METRICS_PORT]=76 [REDIS_METRICS_PORT]=77 [NODE_METRICS_PORT]=78 [PROBE_METRICS_PORT]=79 [REDIS_PORT]=100 [HA_PORT]=140)

# ports_are_taken FIRST: returns true if a process listens on a port of the block that begins at FIRST.
ports_are_taken() {
	ss -Hltn | awk -v first="$1" -v size="$TEST_PORT_BLOCK" '
		{ sub(/.*:/, "", $4) }
		$4 >= first && $4 < first + size { taken = 1 }
		END { exit !taken }'
}

# Prints the ports of the running stack in RUN_DIR, as NAME=value lines. Fails if no stack runs.
running_test_ports() {
	[[ -r $RUN_DIR/env && -r $RUN_DIR/supervisord.pid ]] && kill -0 "$(<"$RUN_DIR/supervisord.pid")" 2>/dev/null || return 1
	local name
	for name in "${!TEST_PORT_OFFSETS[@]}"; do
		grep "^$name=" "$RUN_DIR/env"
	done
}

# Sets the ports that have no value yet, to those of the running stack or of a free block. RUN_DIR determines the first block to try,
# so a checkout usually gets the same ports. A lock claims the block. The stack inherits the lock's file descriptor, so the claim
# ends with this process and the stack.
choose_test_ports() {
	local name first base="" claim claims=/tmp/concert-ports-$EUID k
	for name in "${!TEST_PORT_OFFSETS[@]}"; do
		[[ -n ${!name:-} ]] || break
		name=
	done
	[[ -n $name ]] || return 0
	if running_test_ports >/dev/null; then
		read_settings <(running_test_ports)
		return
	fi
	mkdir -p "$claims"
	[[ -O $claims ]] || die "$claims belongs to another user"
	chmod 700 "$claims"
	first=$(cksum <<<"$RUN_DIR")
	for ((k = 0; k < TEST_PORT_BLOCKS; k++)); do
		base=$((TEST_PORT_FIRST + (${first%% *} + k) % TEST_PORT_BLOCKS * TEST_PORT_BLOCK))
		exec {claim}>"$claims/$base"
		if flock -n "$claim" && ! ports_are_taken "$base"; then
			for name in "${!TEST_PORT_OFFSETS[@]}"; do
				[[ -n ${!name:-} ]] || printf -v "$name" '%d' $((base + TEST_PORT_OFFSETS[$name]))
				export "${name?}"
			done
			return
		fi
		exec {claim}>&-
	done
	die "no $TEST_PORT_BLOCK consecutive ports are free for a test stack"
}
