# Sourced by run-service and run-gateway: ends the processes of a previous run before a program starts.
# shellcheck shell=bash

# claim NAME EXECUTABLE SECONDS
# Ends the processes that are left of NAME's previous run, then records this run. When SIGKILL kills a master process, its workers
# survive it and keep the port: Kore's workers finish their requests and end; nginx's never end. They share the process group that
# supervisor gave to the master. EXECUTABLE shows that the group's number does not belong to another program by now. After SECONDS
# claim kills them.
claim() {
	local name=$1 executable=$2 seconds=$3 file group deadline=$((SECONDS + $3))
	mkdir -p "$RUN_DIR/groups"
	file=$RUN_DIR/groups/$name
	if [[ -s $file ]]; then
		group=$(<"$file")
		if signal_group TERM; then
			echo "$name: waiting up to $seconds s for the processes of its previous run"
			while ((SECONDS < deadline)) && signal_group 0; do
				sleep 0.1
			done
			signal_group KILL || true
		fi
	fi
	echo $$ >"$file"
}

# Uses claim's local variables. Returns false if no process of this group and executable is left.
signal_group() {
	local signal=$1 pid found=1
	for pid in $(pgrep -g "$group" || true); do
		[[ $pid != "$$" && $(readlink "/proc/$pid/exe") == "$executable" ]] || continue
		kill "-$signal" "$pid" 2>/dev/null && found=0
	done
	return "$found"
}
