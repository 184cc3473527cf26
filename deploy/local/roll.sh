# Sourced by up, deploy and scale: replaces, adds and removes instances of a service while the gateway works.
# shellcheck shell=bash
#
# A function that fails sets WHY and returns 1. Its comment says how it then leaves the instances.
#
# While the number of instances of a service changes, RUN_DIR/scaling has "SERVICE N". If the command is interrupted, the next command
# gives the service this number (finish_scaling).

# The gateway skips a failed instance for this time (nginx/upstreams.conf: fail_timeout, plus half a second). So wait for this time
# before the next instance stops.
GATEWAY_FORGETS_SECONDS=2.5

# The most instances of a service in the local stack.
INSTANCES_MOST=8

# set_count SERVICE N: writes the number of instances for the gateway, supervisor and Prometheus. Starts and stops nothing.
set_count() {
	local name=${1^^}_INSTANCES
	export "$name=$2"
	sed "s/^$name=.*/$name=$2/" "$RUN_DIR/env" >"$RUN_DIR/env.new"
	mv "$RUN_DIR/env.new" "$RUN_DIR/env"
	"$LOCAL/prepare" --programs
	"$LOCAL/render-monitoring"
}

# reload_gateway: makes the gateway use the instances that RUN_DIR/env names.
reload_gateway() {
	local said
	if said=$("$LOCAL/gateway-reload" 2>&1); then
		echo "    gateway         uses the instances $(for service in "${SERVICES[@]}"; do printf '%s=%s ' "$service" "$(instances_of "$service")"; done)"
	else
		WHY="the gateway did not take the new number of instances: $said"
		return 1
	fi
}

# log_since NAME SIZE: prints the program's last log lines, from those after the first SIZE bytes of the log.
log_since() {
	local log=$RUN_DIR/log/$1.log
	[[ -r $log ]] || return 0
	echo "the last lines of $log:"
	tail -c "+$(($2 + 1))" "$log" | tail -n 15 | cut -c1-400 | sed 's/^/    /'
}

# wait_for_instance NAME: waits until the instance is ready. Returns 1 if the instance ends four times, or after UP_TIMEOUT_SECONDS.
wait_for_instance() {
	local name=$1 deadline=$((SECONDS + UP_TIMEOUT_SECONDS)) ended=0 said=$((SECONDS + 5)) state process seen=""
	until answers "$name"; do
		state=$(supervisor status "$name" | awk '{ print $2 }' || true)
		[[ $state != BACKOFF && $state != FATAL ]] || ended=$((ended + 1))
		# On a slow machine, supervisor may count a program as started although it ends soon. So each new process counts too.
		process=$(supervisor pid "$name" 2>/dev/null || true)
		[[ ! $process =~ ^[1-9] || $process == "$seen" ]] || {
			[[ -z $seen ]] || ended=$((ended + 1))
			seen=$process
		}
		if ((ended >= 4)); then
			WHY="$name ends when it starts"
			return 1
		elif ((SECONDS >= deadline)); then
			WHY="$name is not ready after $UP_TIMEOUT_SECONDS s"
			return 1
		elif ((SECONDS >= said)); then
			echo "    waiting for $name"
			said=$((SECONDS + 5))
		fi
		sleep 0.3
	done
}

# smoke SERVICE URL [OPTION of curl...]: sends a request with a known answer. Returns 1 if the service answers another status.
smoke() {
	local service=$1 path expected status token=""
	[[ $JWT_ALG != HS256 ]] || token=$("$LOCAL/token")
	case $service in
	queue) path=/queues/status expected=401 token="" ;;
	reservation) path=/concerts expected=200 ;;
	payment) path=/payments/00000000-0000-7000-8000-000000000000 expected=${token:+404} ;;
	point) path=/points expected=${token:+200} ;;
	esac
	: "${expected:=401}"
	status=$(curl -sS -m 20 -o /dev/null -w '%{http_code}' ${token:+-H "Authorization: Bearer $token"} "${@:3}" "$2$path" 2>&1) || true
	[[ $status == "$expected" ]] || {
		WHY="GET $path answers $status, not $expected"
		return 1
	}
}

# check_instance SERVICE K VERSION: checks that the instance is ready, reports this version, and answers a request.
check_instance() {
	local name=$1-$2 version
	wait_for_instance "$name" || return 1
	version=$(version_of "$name")
	# Programs older than build_info cannot report their version.
	[[ -n $version ]] || grep -aq build_info "$RUN_DIR/releases/$1/$3/$1.so" || version=$3
	[[ $version == "$3" ]] || {
		WHY="$name says that it has version '$version', not $3"
		return 1
	}
	smoke "$1" "http://$(address_of "$name")" || {
		WHY="$name: $WHY"
		return 1
	}
	printf '    %-15s ready at %s, version %s\n' "$name" "$(address_of "$name")" "$version"
}

# check_gateway SERVICE: checks that a request through each running gateway reaches the service.
check_gateway() {
	local try gateway gateways
	WHY="no gateway runs"
	mapfile -t gateways < <(running_gateways)
	((${#gateways[@]} > 0)) || return 1
	for gateway in "${gateways[@]}"; do
		for ((try = 0; try < 10; try++)); do
			! smoke "$1" "https://$(address_of "$gateway")" --cacert "$RUN_DIR/tls/cert.pem" || continue 2
			sleep 0.5
		done
		WHY="through the $gateway: $WHY"
		return 1
	done
	WHY=
}

# restart_instance SERVICE K VERSION: stops the instance after its requests in flight, and starts it with this version.
restart_instance() {
	point_release "$1" "instance-$2" "$3"
	supervisor restart "$1-$2" >/dev/null 2>&1 || true
	check_instance "$@"
}

# add_instances SERVICE FROM TO VERSION: starts instances FROM to TO - 1, waits until they are ready, and adds them to the gateway.
# On failure it removes them again, and prints their last log lines. After success the caller removes RUN_DIR/scaling.
add_instances() {
	local service=$1 from=$2 to=$3 version=$4 k failed=0
	local sizes=()
	echo "$service $from" >"$RUN_DIR/scaling"
	for ((k = from; k < to; k++)); do
		point_release "$service" "instance-$k" "$version"
		sizes[k]=$(stat -c %s "$RUN_DIR/log/$service-$k.log" 2>/dev/null || echo 0)
	done
	set_count "$service" "$to"
	for ((k = from; k < to; k++)); do
		supervisor update "$service-$k" >/dev/null 2>&1 || true
		supervisor start "$service-$k" >/dev/null 2>&1 &
	done
	# shellcheck disable=SC2046 # job numbers, one a word
	wait $(jobs -p) || true
	for ((k = from; k < to; k++)); do
		check_instance "$service" "$k" "$version" || {
			failed=1
			log_since "$service-$k" "${sizes[k]}" >&2
			break
		}
	done
	((failed)) || reload_gateway || failed=1
	((failed)) || return 0
	set_count "$service" "$from"
	drop_programs "$service" "$from" "$to"
	rm -f "$RUN_DIR/scaling"
	return 1
}

# drop_programs SERVICE FROM TO: stops instances FROM to TO - 1, which the gateway no longer uses, and removes their records.
drop_programs() {
	local k
	for ((k = $3 - 1; k >= $2; k--)); do
		supervisor update "$1-$k" >/dev/null 2>&1 || true
		rm -f "$RUN_DIR/releases/$1/instance-$k" "$RUN_DIR/groups/$1-$k"
	done
}

# remove_instances SERVICE FROM TO: removes instances TO to FROM - 1 from the gateway, lets them finish their requests, and stops
# them. On failure all of them still run, and RUN_DIR/scaling stays.
remove_instances() {
	echo "$1 $3" >"$RUN_DIR/scaling"
	set_count "$1" "$3"
	reload_gateway || {
		set_count "$1" "$2"
		return 1
	}
	drop_programs "$1" "$3" "$2"
	rm -f "$RUN_DIR/scaling"
}

# room_for SERVICE N: returns true if PostgreSQL has connections for N instances of the service, and for all others.
room_for() {
	local max others=0 each=$((WORKERS * PG_POOL_SIZE)) room service most
	use_superuser
	max=$(sql -c 'SHOW max_connections' 2>/dev/null) || {
		WHY="PostgreSQL does not answer (make status)"
		return 1
	}
	room=$(((max - PG_SPARE_CONNECTIONS) / each))
	for service in "${SERVICES[@]}"; do
		[[ $service == "$1" ]] || others=$((others + $(instances_of "$service")))
	done
	((others + $2 > room)) || return 0
	most=$((room > others ? room - others : 0))
	WHY="PostgreSQL has no room: max_connections is $max, of which $PG_SPARE_CONNECTIONS are for tools. Each instance needs $each \
(WORKERS x PG_POOL_SIZE), so $room instances fit. $((others + $2)) are too many, and $1 can have at most $most. \
${1^^}_INSTANCES=$2 make up makes room, but restarts PostgreSQL"
	return 1
}

# finish_scaling: gives a service the number of instances in RUN_DIR/scaling, after a command was interrupted. Before it removes an
# instance, the others must be ready. On failure all of them still run.
finish_scaling() {
	local service count k
	[[ -s $RUN_DIR/scaling ]] || return 0
	read -r service count <"$RUN_DIR/scaling"
	echo "    a command was interrupted while it changed the number of instances: $service gets $count"
	for ((k = 0; k < count; k++)); do
		answers "$service-$k" || restart_instance "$service" "$k" "$(release_of "$service" current)" || return 1
	done
	set_count "$service" "$count"
	reload_gateway || return 1
	drop_programs "$service" "$count" "$INSTANCES_MOST"
	rm -f "$RUN_DIR/scaling"
}

# replace_instances SERVICE COUNT VERSION: replaces one instance after the other. On failure the failed one has its previous version,
# the earlier ones have VERSION, and the later ones are unchanged.
replace_instances() {
	local service=$1 count=$2 version=$3 k before size why
	for ((k = 0; k < count; k++)); do
		before=$(instance_release "$service" "$k")
		if [[ $before == "$version" && -z ${FORCE:-} && $(version_of "$service-$k") == "$version" ]]; then
			echo "    $service-$k has version $version already"
			continue
		fi
		size=$(stat -c %s "$RUN_DIR/log/$service-$k.log" 2>/dev/null || echo 0)
		if ! restart_instance "$service" "$k" "$version" || ! check_gateway "$service"; then
			why=$WHY
			echo "error: $why" >&2
			log_since "$service-$k" "$size" >&2
			WHY="$why. $service-$k does not come back with version $before either: make logs P=$service-$k"
			[[ $before == "$version" ]] || ! restart_instance "$service" "$k" "$before" ||
				WHY="$why. $service-$k has version $before again"
			return 1
		fi
		((k + 1 == count && count > 1)) || sleep "$GATEWAY_FORGETS_SECONDS"
	done
}

# roll SERVICE VERSION: gives all instances this version, one after the other, without a lost request. For this time, the only
# instance of a service gets a second one beside it. On failure `current` stays.
roll() {
	local service=$1 version=$2 count
	count=$(instances_of "$service")
	if ((count > 1)); then
		replace_instances "$service" "$count" "$version" || return 1
	else
		room_for "$service" 2 || return 1
		check_free_port "$service" 1
		add_instances "$service" 1 2 "$version" || return 1
		if ! replace_instances "$service" 1 "$version"; then
			version=$WHY
			remove_instances "$service" 2 1 || true
			WHY=$version
			return 1
		fi
		remove_instances "$service" 2 1 || return 1
		check_gateway "$service" || return 1
	fi
	set_current "$service" "$version"
}

# check_free_port SERVICE K: ends the program if another program uses the port of a new instance.
check_free_port() {
	local address holder
	address=$(address_of "$1-$2")
	! grep -q "^${address##*:} " <<<"$(stack_ports)" || die "port ${address##*:} for $1-$2 is that of another part of this stack"
	holder=$(ss -Hltnp "sport = :${address##*:}" | head -n 1)
	[[ -z $holder ]] || die "port ${address##*:} for $1-$2 is taken; nothing was changed"
}
