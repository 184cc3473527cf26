# Sourced by tests/backup/run: the stack, the buyers, the checks.
# shellcheck shell=bash
# shellcheck disable=SC2154 # run sets work

GATEWAY=https://localhost:$GATEWAY_HTTPS_PORT

# call USER METHOD PATH [BODY [KEY [QUEUE-TOKEN]]]: prints the answer's body, and writes its status to $work/status.
call() {
	curl -sS -m 60 --cacert "$RUN_DIR/tls/cert.pem" -o - -w '%{stderr}%{http_code}' -X "$2" "$GATEWAY$3" \
		-H "Authorization: Bearer $(deploy/local/token --user "$1")" -H 'Content-Type: application/json' \
		${4:+-d "$4"} ${5:+-H "Idempotency-Key: $5"} ${6:+-H "X-Queue-Token: $6"} 2>"$work/status"
}

status() {
	tail -c 3 "$work/status"
}

simulator() { # simulator PATH [BODY]
	curl -fsS -m 60 "http://127.0.0.1:$TOSS_PORT/simulator/$1" ${2:+-H 'Content-Type: application/json' -d "$2"}
}

# Makes a concert, and a schedule with the given opening time. Prints the two ids.
schedule_new() { # ROWS OPENS
	local concert schedule
	concert=$(sql -c "SELECT body::json ->> 'concertId' FROM reservation.create_concert('A', 'B', 'C', 'D')")
	schedule=$(sql -c "SELECT body::json ->> 'scheduleId' FROM reservation.create_schedule('$concert', now() + '1 day', now() + '2 days',
		$2, 'ON_SALE', '[{\"section\":\"V\",\"grade\":\"VIP\",\"price\":3000,\"rows\":$1,\"seatsPerRow\":50}]')")
	sql -c "UPDATE reservation.schedules SET max_per_user = 100 WHERE schedule_id = '$schedule'"
	echo "$concert $schedule"
}

# buy_until NAME NUMBER PAYMENTS COMMAND: users buy and cancel tickets until PAYMENTS payments and two charges are acknowledged. Then it
# runs the command, and stops the users a second later. The history of their calls is $work/NAME/history.csv.
buy_until() {
	local buyers
	mkdir -p "$work/$1"
	MONEY_SEED=$((seed + $2)) MONEY_PURCHASES=1000 "$BUILD_DIR/tests/money/buyers" --concert "$concert" --schedule "$schedule" \
		--seats "$work/seats" --history "$work/$1/history.csv" --count 30 --seconds 1000 --settle 0 --seed "$((seed + $2))" \
		>"$work/$1/totals" 2>&1 &
	buyers=$!
	wait_for 900 enough "$1" "$3"
	"$4"
	sleep 1
	kill -KILL "$buyers"
	wait "$buyers" 2>/dev/null
	# The last line may be cut off.
	sed -i -e '$ { /[^"]$/ { /,$/!d } }' "$work/$1/history.csv"
}

enough() {
	(($(acknowledged "$1" pay 201) >= $2 && $(acknowledged "$1" charge 201) >= 2))
}

destroy_cluster() {
	destroy "$(readlink -f "$RUN_DIR/postgres")"
}

user_new() {
	cat /proc/sys/kernel/random/uuid
}

# Waits until the archive has all earlier writes, although the segment is not full.
wait_for_archive() {
	local segment
	segment=$(sql -c "SELECT pg_walfile_name(pg_logical_emit_message(false, 'test', ''))")
	wait_for 120 archived "$segment" || echo "the log is not archived after BACKUP_WAL_SECONDS"
}

archived() {
	[[ $(sql -c "SELECT last_archived_wal >= '$1' FROM pg_stat_archiver") == t ]]
}

# A new user waits for the later schedule. Adds "user token" to waiters.
wait_in_line() {
	local user token
	user=$(user_new)
	token=$(call "$user" POST /queues/enter "{\"concertId\":\"$later_concert\",\"scheduleId\":\"$later_schedule\"}" | jq -r .token)
	[[ $(status) == 201 ]] || echo "a user cannot wait: $(status)" >>"$work/found"
	waiters+=("$user $token")
}

# The users who waited before the restore ask in another order, and get their old positions.
check_line() {
	local n user token position
	for n in 3 1 0 2 3 2 1 0; do
		read -r user token <<<"${waiters[n]}"
		position=$(call "$user" GET /queues/status '' '' "$token" | jq -r .position)
		positions[n]=$position
	done
	[[ ${positions[*]} == "1 2 3 4" ]] || echo "the positions are ${positions[*]}"
}

# Checks that the database has nothing of this history.
check_undone() {
	psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 2>&1 <<-END
		CREATE TEMP TABLE call (person uuid, kind text, key text, token text, reservation uuid, sent_us bigint,
			answered_us bigint, tries int, unknowns int, status int, code text, asked text, body json);
		\\copy call FROM '$work/$1/history.csv' (FORMAT csv)
		SELECT 'no payment was acknowledged' WHERE NOT EXISTS (SELECT FROM call WHERE kind = 'pay' AND status = 201);
		SELECT format('payment %s is there', p.payment_id) FROM call c
		JOIN payment.payments p ON c.kind = 'pay' AND p.payment_id = (c.body ->> 'paymentId')::uuid;
		SELECT format('hold %s is there', r.reservation_id) FROM call c
		JOIN reservation.reservations r ON c.kind = 'hold' AND r.reservation_id = (c.body ->> 'reservationId')::uuid;
	END
}

# The restore has undone a hold. Its queue token is WAITING or ACTIVE again.
check_used_tokens() {
	local user token state
	IFS=, read -r user _ _ token _ < <(grep ',hold,' "$work/$1/history.csv" | grep ',201,,' | head -n 1)
	state=$(call "$user" GET /queues/status '' '' "$token" | jq -r .status)
	[[ $state =~ ^(WAITING|ACTIVE)$ ]] || echo "the token is $state: $(status)"
}

# The restore has undone a charge, and the user repeats it. The provider has the money, so the wallet gets it. Sets charge_order.
repeat_charge() {
	local user key body
	read -r user key body < <(python3 - "$work/$1/history.csv" <<-'END'
		import csv, sys
		for r in csv.reader(open(sys.argv[1])):
		    if r[1] == "charge" and r[9] == "201":
		        print(r[0], r[2], r[11])
		        break
		END
	)
	charge_order=charge-$(printf %s "$user:$key" | sha256sum | cut -c1-40)
	call "$user" POST /points/charge "$body" "$key" >"$work/charged"
	[[ $(status) =~ ^20[12]$ ]] || echo "the repeated charge is answered $(status): $(cat "$work/charged")"
	wait_for 300 settled
	[[ $(sql -c "SELECT status FROM point.charges WHERE order_id = '$charge_order'") == CHARGED ]] || echo "the repeated charge is not credited"
}

# Checks that no two events of the stream with one id differ, and that new events arrive.
check_events() {
	redis --json XRANGE events - + >"$work/events"
	jq -r '[.[] | .[1] as $f | [range(0; $f | length; 2) | {key: $f[.], value: $f[. + 1]}] | from_entries] |
		group_by(.id)[] | select((map([.type, .key, .at, .data]) | unique | length) > 1) | "event \(.[0].id) has two contents"' "$work/events"
	jq -e 'any(.[]; (.[1][1] | tonumber) > 1000000000)' "$work/events" >/dev/null || echo "no event was written after the restore"
	[[ -n $(find "$RUN_DIR" -maxdepth 1 -name 'undone-events-*' -size +0) ]] || echo "the undone events are not listed"
}

# Waits until no outcome is unknown any more.
settled() {
	[[ $(sql -c "SELECT (SELECT count(*) FROM payment.payments WHERE status IN ('PENDING', 'REFUND_PENDING'))
		+ (SELECT count(*) FROM point.charges WHERE status = 'CHARGING')
		+ (SELECT count(*) FROM payment.cards WHERE due_at <= now())") == 0 ]]
}

# check NAME: prints each acknowledged answer of the history that the database does not have, and each difference to the provider.
# Calls in flight when the test destroyed the system have no answer. The check ignores lines that match $ignored.
check() {
	simulator books | jq -r '.orders[] | [.paymentKey, .orderId, .status, .captured, .refunded] | @csv' >"$work/$1/books.csv" || echo "no books"
	(cd "$work/$1" && psql --no-psqlrc -v ON_ERROR_STOP=1 -v longest=100000 -f "$ROOT/tests/money/books.sql" 2>&1) |
		grep -vE -e '^never settled: ' -e "${ignored:-^$}" || true
}

# check_holds NAME: prints each acknowledged hold of the history that the database does not have.
check_holds() {
	psql --no-psqlrc -qAt -v ON_ERROR_STOP=1 2>&1 <<-END
		CREATE TEMP TABLE call (person uuid, kind text, key text, token text, reservation uuid, sent_us bigint,
			answered_us bigint, tries int, unknowns int, status int, code text, asked text, body json);
		\\copy call FROM '$work/$1/history.csv' (FORMAT csv)
		SELECT format('hold %s of %s is not there', c.body ->> 'reservationId', c.person) FROM call c
		WHERE c.kind = 'hold' AND c.status = 201
		  AND NOT EXISTS (SELECT FROM reservation.reservations r WHERE r.reservation_id = (c.body ->> 'reservationId')::uuid);
	END
}

# acknowledged NAME KIND STATUS: prints the number of calls of the history with this answer.
acknowledged() {
	python3 - "$@" "$work" <<-'END'
		import csv, sys
		name, kind, status, work = sys.argv[1:5]
		print(sum(1 for r in csv.reader(open(f"{work}/{name}/history.csv")) if r[1] == kind and r[9] == status))
	END
}

# alive PID...: returns true if one of these processes runs and is no zombie.
alive() {
	local pid
	for pid in "$@"; do
		[[ ! -r /proc/$pid/stat || $(ps -o stat= -p "$pid" 2>/dev/null) =~ ^(Z.*)?$ ]] || return 0
	done
	return 1
}

is_stopped() {
	[[ $(ps -o stat= -p "$1") =~ ^(T.*|Z.*)?$ ]]
}

# destroy FOLDER...: kills all processes of PostgreSQL at once, and removes the folders.
destroy() {
	local pids
	pids=$(head -n 1 "$(readlink -f "$RUN_DIR/postgres")/postmaster.pid")
	# Otherwise supervisor would start PostgreSQL again before the folders are gone.
	kill -STOP "$(<"$RUN_DIR/supervisord.pid")"
	kill -STOP "$pids"
	# A process that is not yet stopped could make another child.
	wait_for 60 is_stopped "$pids"
	pids="$pids $(pgrep -P "$pids" | tr '\n' ' ')"
	# shellcheck disable=SC2086
	kill -KILL $pids
	# shellcheck disable=SC2086
	while alive $pids; do
		sleep 0.05
	done
	rm -rf "$@"
	kill -CONT "$(<"$RUN_DIR/supervisord.pid")"
}

restore() { # restore LOG [SETTING=VALUE...]
	local log=$work/$1
	shift
	env "$@" YES=1 deploy/local/restore >"$log" 2>&1 || {
		tail -n 30 "$log"
		echo "the restore failed"
		return 1
	}
}
