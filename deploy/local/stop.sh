# Sourced by down: stops the programs of the stack within bounded times, and leaves no process behind.
# shellcheck shell=bash

# supervisord_pid: prints the process of this stack's supervisord, also if it does not answer. Fails if there is none.
supervisord_pid() {
	local pid
	pid=$(cat "$RUN_DIR/supervisord.pid" 2>/dev/null) || return 1
	[[ $pid =~ ^[1-9][0-9]*$ ]] && tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$RUN_DIR/supervisord.conf" && echo "$pid"
}

# cluster_processes NUMBER...: prints the processes of these PostgreSQL servers. They work in the folder of their cluster, and they are no
# children of Patroni.
cluster_processes() {
	local k folder cwd
	for k in "$@"; do
		folder=$(readlink -f "$(cluster_folder "$k")") || continue
		while read -r cwd; do
			[[ $(readlink "${cwd%cwd}exe") != */postgres ]] || basename "${cwd%/cwd}"
		done < <(find /proc/[1-9]*/cwd -maxdepth 0 -lname "$folder" 2>/dev/null || true)
	done
}

# Prints "PID STATE" of supervisord, of the PostgreSQL servers, and of all their children.
stack_processes() {
	ps -e -o pid=,ppid=,stat= | awk -v heads="$( { supervisord_pid; cluster_processes 0 1 2; } | xargs)" '
		function ours(pid) { return pid in head || (pid in parent && ours(parent[pid])) }
		BEGIN { n = split(heads, list, " "); for (i = 1; i <= n; i++) head[list[i]] = 1 }
		{ parent[$1] = $2; state[$1] = $3 }
		END { for (pid in state) if (ours(pid)) print pid, state[pid] }'
}

# A frozen process (SIGSTOP) cannot obey, and others would wait for it.
continue_frozen() {
	local frozen
	mapfile -t frozen < <(stack_processes | awk '$2 ~ /^T/ { print $1 }')
	((${#frozen[@]} > 0)) || return 0
	echo "==> continuing ${#frozen[@]} frozen processes, so that they can stop"
	kill -CONT "${frozen[@]}" 2>/dev/null || true
}

# Waits until supervisord answers. If it does not, kills it: then the kernel ends its programs (--pdeathsig).
wait_for_supervisord() {
	local deadline=$((SECONDS + 30)) pid
	pid=$(supervisord_pid) || return 1
	until states >/dev/null 2>&1; do
		if ((SECONDS >= deadline)) || ! kill -0 "$pid" 2>/dev/null; then
			echo "    supervisord (pid $pid) does not answer, and is killed"
			kill -KILL "$pid" 2>/dev/null || true
			return 1
		fi
		sleep 0.2
	done
}

# processes_of PROGRAM: prints the processes of this PostgreSQL server; nothing for another program.
processes_of() {
	case $1 in
	postgres) cluster_processes 0 ;;
	postgres-[0-2]) cluster_processes "${1#*-}" ;;
	esac
}

# still_run NAME...: prints those of the programs that run.
still_run() {
	local name alive
	alive=$(states | awk '$2 !~ /^(STOPPED|EXITED|FATAL|UNKNOWN)$/ { print $1 }') || alive=
	for name in "$@"; do
		if grep -qx "$name" <<<"$alive" || [[ -n $(processes_of "$name") ]]; then
			echo "$name"
		fi
	done
}

# stop_within SECONDS NAME...: stops the programs at the same time. Then it kills those that still run.
stop_within() {
	local seconds=$1 began=$SECONDS said=0 name left
	shift
	for name in "$@"; do
		supervisor_call stopProcess "<string>$name</string>" '<boolean>0</boolean>' >/dev/null 2>&1 || true
	done
	while mapfile -t left < <(still_run "$@") && ((${#left[@]} > 0)); do
		if ((SECONDS - began >= seconds)); then
			echo "    after $seconds s these still run, and are killed: ${left[*]}"
			kill_programs "${left[@]}"
			return
		fi
		if ((SECONDS - began >= said + 5)); then
			said=$((SECONDS - began))
			echo "    waiting for ${left[*]} ($said s of at most $seconds)"
		fi
		sleep 0.1
	done
}

# kill_programs NAME...: each with its processes. Supervisor gives each program a process group.
kill_programs() {
	local name pid processes
	for name in "$@"; do
		pid=$(supervisor_call getProcessInfo "<string>$name</string>" | tr -d '\n' |
			sed -n 's/.*<name>pid<\/name><value><int>\([1-9][0-9]*\)<.*/\1/p') || true
		[[ -z $pid ]] || kill -KILL -- "-$pid" 2>/dev/null || true
		mapfile -t processes < <(processes_of "$name")
		((${#processes[@]} == 0)) || kill -KILL "${processes[@]}" 2>/dev/null || true
	done
}

# Ends PostgreSQL servers that supervisord does not know, for example because it was killed.
end_left_clusters() {
	local began=$SECONDS said=0 k signal=INT processes
	while mapfile -t processes < <(cluster_processes 0 1 2) && ((${#processes[@]} > 0)); do
		if ((SECONDS - began >= 30)); then
			kill -KILL "${processes[@]}" 2>/dev/null || true
		elif [[ $signal == INT ]]; then
			echo "==> stopping a PostgreSQL server that supervisord has left"
			for k in 0 1 2; do
				kill -INT "$(head -n 1 "$(readlink -f "$(cluster_folder "$k")")/postmaster.pid" 2>/dev/null)" 2>/dev/null || true
			done
			signal=
		elif ((SECONDS - began >= said + 5)); then
			said=$((SECONDS - began))
			echo "    waiting for PostgreSQL ($said s of at most 30)"
		fi
		sleep 0.2
	done
}

# Waits for programs that have lost their supervisord: the kernel has told them to end. Names what still listens at a port of the stack.
wait_for_orphans() {
	local deadline=$((SECONDS + 60)) ports holders
	ports=$(stack_ports | sed 's/ .*/$/; s/^/:/')
	while holders=$(ss -Hltnp | awk '{ print $4, $NF }' | sed 's/ /$ /' | grep -F "$ports") && [[ -n $holders ]]; do
		((SECONDS < deadline)) || die "these still run: $holders"
		sleep 0.2
	done
}

# Prints the PostgreSQL that is the primary, or nothing. While etcd is away, each Patroni still knows what it is itself.
known_primary() {
	local k primary
	primary=$(members_with leader) || true
	if [[ ! $primary =~ ^postgres-[012]$ ]]; then
		for k in 0 1 2; do
			patroni_call "$k" /patroni 2>/dev/null |
				jq -r --arg name "postgres-$k" 'select(.role == "master" or .role == "primary") | $name' || true
		done | head -n 1
	else
		echo "$primary"
	fi
}

# With HA=1 the standbys stop before the primary, so that none of them takes over and the primary has the newest state. The nodes of Redis stop
# at the same time, so that no replica takes over.
stop_stores() {
	local primary others
	if [[ $HA == 0 ]]; then
		stop_within 60 postgres redis
		return
	fi
	stop_within 30 redis-{0..5}
	primary=$(known_primary)
	if [[ -z $primary ]]; then
		echo "    no primary is known: the PostgreSQL servers stop at the same time"
		stop_within 60 postgres-{0..2}
	else
		mapfile -t others < <(printf '%s\n' postgres-{0..2} | grep -vx "$primary")
		stop_within 30 "${others[@]}"
		stop_within 60 "$primary"
	fi
	stop_within 10 etcd-{0..2}
}

# In the order in which they depend on each other.
stop_all() {
	local pid deadline names
	pid=$(supervisord_pid)
	echo "==> stopping gateways and services"
	mapfile -t names < <(states | awk '$1 ~ /^gateway|-exporter|^prometheus$/ { print $1 }')
	stop_within 20 "${names[@]}"
	mapfile -t names < <(states | awk '$1 !~ /^gateway|-exporter|^prometheus$|^(etcd|postgres|redis)(-[0-9])?$/ { print $1 }')
	stop_within $((DRAIN_SECONDS + 10)) "${names[@]}"
	echo "==> stopping the stores"
	stop_stores
	supervisor_call shutdown >/dev/null 2>&1 || true
	deadline=$((SECONDS + 30))
	while kill -0 "$pid" 2>/dev/null; do
		((SECONDS < deadline)) || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.1
	done
}
