# Sourced by run-service and run-gateway: a program starts alone.
# shellcheck shell=bash

# claim NAME EXECUTABLE SECONDS
# Ends what is left of NAME's previous run, then notes this one. When a master process is killed with
# SIGKILL its workers outlive it and keep the port: Kore's finish what they have begun and leave, nginx's
# never do. They share the process group that supervisor gave the master; EXECUTABLE makes sure that the
# number is not somebody else's by now. They have SECONDS before they are killed.
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

# Uses claim's locals. False if no process of that group and executable is left.
signal_group() {
	local signal=$1 pid found=1
	for pid in $(pgrep -g "$group" || true); do
		[[ $pid != "$$" && $(readlink "/proc/$pid/exe") == "$executable" ]] || continue
		kill "-$signal" "$pid" 2>/dev/null && found=0
	done
	return "$found"
}
