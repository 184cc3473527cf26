# Sourced by tests/fault/run and tests/ha/run: the simulated users on one small schedule, and the checker of what they were told.
# shellcheck shell=bash disable=SC2154 # settings

binaries=$BUILD_DIR/tests/fault
work=$tap_folder
seed=${SEED:-$((RANDOM * 32768 + RANDOM))}

# judge NAME: a line of TAP. The test passed if $work/found is empty.
last_judged=$SECONDS
judge() {
	echo "# $((SECONDS - last_judged)) s"
	last_judged=$SECONDS
	result "$1" "$work/found"
}

all_answer() {
	local program
	for program in $(programs); do
		answers "$program" || return 1
	done
}

# Makes a small schedule on sale. Sets $concert and $schedule, and writes $work/seats.
small_schedule() {
	concert=$(sql -c "SELECT body::json ->> 'concertId' FROM reservation.create_concert('A', 'B', 'C', 'D')")
	schedule=$(sql -c "SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule('$concert', now() + '1 day', now() + '2 days',
		NULL, 'ON_SALE', '[{\"section\":\"V\",\"grade\":\"VIP\",\"price\":3000,\"rows\":3,\"seatsPerRow\":10},
		{\"section\":\"R\",\"grade\":\"R\",\"price\":2000,\"rows\":3,\"seatsPerRow\":10}]')")
	sql -c "SELECT seat_id FROM reservation.seats WHERE schedule_id = '$schedule' ORDER BY section_no, row_no, number" >"$work/seats"
}

# people SECONDS [option...]: the users act, then settle what is open. Their totals are in $work/totals.
people() {
	local seconds=$1
	shift
	"$binaries/users" --concert "$concert" --schedule "$schedule" --seats "$work/seats" --history "$work/history.csv" \
		--seconds "$seconds" --seed "$seed" "$@" >"$work/totals" 2>&1 || echo "the load broke off: $(tail -n 1 "$work/totals")"
}

# check: prints a line for each violation.
look_locks=true
check() {
	psql --no-psqlrc -v ON_ERROR_STOP=1 -v schedule="$schedule" -v attempts="$PAYMENT_MAX_ATTEMPTS" -v look_locks="$look_locks" \
		-f tests/fault/history.sql <"$work/history.csv" 2>&1 || echo "the checker broke off"
}
