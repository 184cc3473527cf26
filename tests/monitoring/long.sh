# Sourced by `tests/monitoring/run long`: the tests of the other alerts. Each test breaks a part of the stack.
# shellcheck shell=bash disable=SC2154 # variables of run

test_stopped_service_fires_ServiceDown() {
	provoke stop_point start_point ServiceDown
}

stop_postgres() { supervisor stop postgres; }
start_postgres() { supervisor start postgres; }

# During this test the checks of the data fail.
test_stopped_postgres_fires_PostgresDown_and_DataNotChecked() {
	provoke stop_postgres start_postgres PostgresDown ServiceNotReady DataNotChecked
}

make_read_only() { sql -c "ALTER SYSTEM SET default_transaction_read_only = on" -c "SELECT pg_reload_conf()"; }
make_writable() {
	PGOPTIONS='-c default_transaction_read_only=off' sql -c "ALTER SYSTEM RESET default_transaction_read_only" -c "SELECT pg_reload_conf()"
}

test_read_only_postgres_fires_PostgresReadOnly() {
	provoke make_read_only make_writable PostgresReadOnly
}

fill_redis() { redis CONFIG SET maxmemory 1; }
empty_redis() { redis CONFIG SET maxmemory 0; }

test_full_redis_fires_RedisRefusesWrites() {
	provoke fill_redis empty_redis RedisRefusesWrites
}

stop_gateway() { supervisor stop gateway; }
start_gateway() { supervisor start gateway; }

test_stopped_gateway_fires_GatewayDown() {
	provoke stop_gateway start_gateway GatewayDown
}

stop_exporter() { supervisor stop redis-exporter; }
start_exporter() { supervisor start redis-exporter; }

test_stopped_exporter_fires_ExporterDown() {
	provoke stop_exporter start_exporter ExporterDown
}

write_event_without_redis() {
	supervisor stop redis
	charge -f
}

test_events_that_cannot_be_sent_fire_EventsLag() {
	provoke write_event_without_redis start_redis EventsLag
}

# Waits for the background jobs of the test, but not for Alertmanager and its receiver.
wait_for_jobs() {
	local job
	for job in $(jobs -p); do
		[[ " ${alertmanager_jobs[*]} " == *" $job "* ]] || wait "$job"
	done
	return 0
}

# Calls that wait for a lock fill the service; it sheds the rest with 503.
overload_point() {
	sql -c "BEGIN; LOCK TABLE point.wallets IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(15)" >/dev/null &
	(
		for _ in $(seq 200); do
			curl -s -m 5 -o /dev/null -H "Authorization: Bearer $jwt" "http://127.0.0.1:$POINT_PORT/points" &
			sleep 0.05
		done
		wait
	) >/dev/null 2>&1 &
}

test_overload_fires_RequestsShed_and_ErrorRatioHigh() {
	provoke overload_point wait_for_jobs RequestsShed ErrorRatioHigh
}

# One user repeats a call as fast as possible, for 25 seconds. No other user sends requests.
hammer() {
	local end=$((SECONDS + 25))
	(
		while ((SECONDS < end)); do
			call_many 200 /points
		done
	) >/dev/null 2>&1 &
}

test_refused_user_fires_RefusedRatioHigh() {
	provoke hammer wait_for_jobs RefusedRatioHigh
}

kill_workers_often() {
	for _ in 1 2 3 4; do
		pgrep -P "$(supervisor pid queue-0)" | xargs kill -KILL
		sleep 2
	done
}
leave_alone() { :; }

test_killed_workers_fire_RestartsOften() {
	provoke kill_workers_often leave_alone RestartsOften
}

certificate_of() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days "$1" -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -addext basicConstraints=critical,CA:TRUE -addext extendedKeyUsage=serverAuth \
		-keyout "$RUN_DIR/tls/key.pem" -out "$RUN_DIR/tls/cert.pem"
	deploy/local/gateway-reload
	cat "$RUN_DIR/tls/cert.pem" >"$RUN_DIR/monitoring/gateway.pem"
	supervisor restart probe-exporter
}
certificate_of_5_days() { certificate_of 5; }
certificate_of_90_days() { certificate_of 90; }

test_old_certificate_fires_CertificateExpires() {
	provoke certificate_of_5_days certificate_of_90_days CertificateExpires
}

# The probe accepts the certificate that the gateway shows now.
probed_certificate_is_new() {
	local ends
	ends=$(openssl x509 -in "$RUN_DIR/tls/cert.pem" -noout -enddate)
	(($(ask 'query?query=probe_ssl_earliest_cert_expiry' | jq -r '.data.result[0].value[1] // 0') == $(date -d "${ends#*=}" +%s)))
}

test_rotated_certificate_is_probed() {
	deploy/local/rotate certificate >"$work/rotate.log" 2>&1 || fail "$(tail -n 3 "$work/rotate.log")"
	shorten_rules # `rotate` has written the original rules
	wait_for 60 probed_certificate_is_new
	wait_for 60 silent GatewayDown
}

# One user has the only active turn; the next one waits.
stop_admission() {
	control "${schedules[2]}" '{"mode": "OPEN", "maxActive": 1}'
	for _ in 1 2; do
		jwt=$(deploy/local/token)
		enter "${schedules[2]}"
	done
}
start_admission() { control "${schedules[2]}" '{"maxActive": 1000}'; }

test_full_queue_fires_QueueDoesNotMove() {
	provoke stop_admission start_admission QueueDoesNotMove
}

stop_provider() {
	supervisor stop toss
	charge
	charge
}
start_provider() { supervisor start toss; }

test_stopped_provider_fires_PaymentOutcomeUnknown_and_CardProviderFails() {
	provoke stop_provider start_provider PaymentOutcomeUnknown CardProviderFails
}

# The connections of the point service stand still, so a write gets no answer in time.
freeze_connections() {
	mapfile -t frozen < <(sql -c "SELECT pid FROM pg_stat_activity WHERE usename = 'point_service'")
	kill -STOP "${frozen[@]}"
	charge
}
thaw_connections() { kill -CONT "${frozen[@]}"; }

test_write_without_an_answer_fires_OutcomeUnknown() {
	provoke freeze_connections thaw_connections OutcomeUnknown
}

# A session locks the row of a hold that expires, so the sweeper cannot end the hold.
lock_a_hold() {
	hold "${schedules[0]}" || return 1
	sql -c "BEGIN; SELECT FROM reservation.reservations WHERE reservation_id = '$reservation' FOR UPDATE; SELECT pg_sleep(600)" >/dev/null &
	wait_for 60 sql -c "SELECT 1 / count(*) FROM reservation.reservations WHERE reservation_id = '$reservation' AND hold_expires_at < now()"
}
unlock_the_hold() {
	sql -c "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%$reservation%pg_sleep%' AND pid <> pg_backend_pid()"
}

test_locked_hold_fires_BackgroundWorkLeft() {
	provoke lock_a_hold unlock_the_hold BackgroundWorkLeft
}

# 90 % of the connections, in one process.
fill_connections() {
	local taken most
	taken=$(sql -c 'SELECT count(*) FROM pg_stat_activity')
	most=$(sql -c 'SHOW max_connections')
	echo '\sleep 1 s' >"$work/sleep.sql"
	pgbench -n -c $((most * 92 / 100 - taken)) -j 1 -T 120 -f "$work/sleep.sql" postgres >/dev/null 2>&1 &
	filling=$!
}
free_connections() { kill "$filling"; }

test_idle_connections_fire_PostgresConnectionsHigh() {
	provoke fill_connections free_connections PostgresConnectionsHigh
}

# 18 clients request another version each of a map of 8 MB, and read nothing of it.
read_slowly() {
	local hall
	hall=$(as_operator POST /admin/concerts -d '{"title":"Slow","artist":"Slow","venue":"Hall 1","address":"1 Main Street"}' |
		jq -r .concertId)
	hall=$(as_operator POST "/admin/concerts/$hall/schedules" -m 60 -d "{\"startAt\":\"$(date -u -d '+30 days' +%FT%TZ)\",
		\"endAt\":\"$(date -u -d '+31 days' +%FT%TZ)\",\"status\":\"ON_SALE\",\"sections\":[
		{\"section\":\"Floor\",\"grade\":\"VIP\",\"price\":1000,\"rows\":100,\"seatsPerRow\":500},
		{\"section\":\"Balcony\",\"grade\":\"R\",\"price\":1000,\"rows\":100,\"seatsPerRow\":500}]}" | jq -r .scheduleId)
	sql -c "SELECT seat_id FROM reservation.seats WHERE schedule_id = '$hall' LIMIT 18" |
		python3 -c '
import socket, subprocess, sys
readers = []
for seat in sys.stdin.read().split():
    subprocess.run(["psql", "-qAtc", f"UPDATE reservation.seats SET changes = changes + 1 WHERE seat_id = \047{seat}\047"], check=True)
    reader = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.sendall(f"GET /schedules/{sys.argv[2]}/seats HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    reader.settimeout(60)
    reader.recv(1)
    readers.append(reader)
' "$RESERVATION_PORT" "$hall"
}

test_slow_readers_fire_SlowReaders() {
	provoke read_slowly leave_alone SlowReaders
}

lose_backups() {
	mv "$BACKUP_DIR/archive" "$BACKUP_DIR/archive.away"
	mv "$BACKUP_DIR/backup" "$BACKUP_DIR/backup.away"
	# PostgreSQL tries three times, and again for the next segment.
	sql -c "CREATE TABLE IF NOT EXISTS public.alerts_test ()" -c "DROP TABLE public.alerts_test" -c "SELECT pg_switch_wal()"
}
find_backups() {
	mv "$BACKUP_DIR/archive.away" "$BACKUP_DIR/archive"
	mv "$BACKUP_DIR/backup.away" "$BACKUP_DIR/backup"
}

test_lost_backups_fire_WalArchivingFails_and_BackupTooOld() {
	provoke lose_backups find_backups WalArchivingFails BackupTooOld
}

# Only a superuser can change a section. The tables' guards stop all others.
change_section() {
	sql -c "SET session_replication_role = replica" -c "UPDATE reservation.sections SET rows = rows $1 1
		WHERE section_no = 1 AND schedule_id = '${schedules[0]}'"
}
damage_section() { change_section +; }
repair_section() { change_section -; }

test_section_without_a_seat_fires_DataIsWrong() {
	provoke damage_section repair_section DataIsWrong
}

change_ledger() {
	sql -c "BEGIN; ALTER TABLE point.entries DISABLE TRIGGER entries_append_only;
		UPDATE point.entries SET amount = amount $1 1 WHERE version = 1;
		ALTER TABLE point.entries ENABLE ALWAYS TRIGGER entries_append_only; COMMIT"
}
damage_ledger() {
	charge -f && change_ledger +
}
repair_ledger() { change_ledger -; }

test_changed_ledger_entry_fires_DataIsWrong() {
	provoke damage_ledger repair_ledger DataIsWrong
}

# The service's copy of the secret, if it runs as another user.
refuse_file() {
	secret=$(readlink -f "$RUN_DIR/services")/queue-0/QUEUE_TOKEN_SECRET_FILE
	[[ -e $secret ]] || secret=$RUN_DIR/secrets/queue_token
	cat "$secret" >"$work/secret"
	chmod u+w "$secret"
	echo short >"$secret"
}
accept_file() {
	cat "$work/secret" >"$secret"
	chmod u-w "$secret"
}

test_wrong_secret_file_fires_FileRefused() {
	provoke refuse_file accept_file FileRefused
}

# Replaces point-0 by an instance whose issuer of keys does not answer.
lose_issuer() {
	supervisor stop point-0
	tests/http/extra-service point "$POINT_PORT" JWT_ALG=ES256 JWT_SECRET_FILE= JWT_JWKS_URL=http://127.0.0.1:1/keys &
	extra=$!
}
find_issuer() {
	kill "$extra"
	wait "$extra"
	supervisor start point-0
}

test_issuer_that_is_away_fires_KeysNotFetched() {
	provoke lose_issuer find_issuer KeysNotFetched
}

# node-exporter with a small full disk, which no other program sees.
mount_full_disk() {
	truncate -s 4M "$work/disk"
	mkfs.ext4 -q -m 0 "$work/disk"
	mkdir -p "$work/mounted"
	supervisor stop node-exporter
	RUN_DIR=$RUN_DIR unshare -m -p -f --mount-proc bash -c "mount -o loop '$work/disk' '$work/mounted' &&
		{ cat /dev/zero >'$work/mounted/full'; true; } && chmod 755 '$work' && exec deploy/local/run-monitoring node-exporter" >"$work/node-exporter.log" 2>&1 &
	exporter=$!
}
unmount_full_disk() {
	kill -KILL "$(pgrep -P "$exporter")"
	supervisor start node-exporter
}

test_full_disk_fires_DiskNearlyFull() {
	if ((EUID != 0)) || ! unshare -m -p -f --mount-proc true 2>/dev/null || ! losetup -f >/dev/null 2>&1; then
		echo "# only root can mount a full disk: promtool alone tests DiskNearlyFull here"
		return
	fi
	provoke mount_full_disk unmount_full_disk DiskNearlyFull
}

has_target() {
	ask 'targets?state=active' | jq -e --arg program "$1" '.data.activeTargets[] | select(.labels.program == $program and .health == "up")'
}
has_no_target() {
	local targets
	targets=$(ask 'targets?state=active') &&
		! jq -e --arg program "$1" '.data.activeTargets[] | select(.labels.program == $program)' <<<"$targets"
}

test_scaled_service_has_a_target_for_each_instance() {
	deploy/local/scale point 2 >"$work/scale.log" 2>&1 || fail "$(tail -n 3 "$work/scale.log")"
	wait_for 60 has_target point-1
	deploy/local/scale point 1 >"$work/scale.log" 2>&1 || fail "$(tail -n 3 "$work/scale.log")"
	wait_for 60 has_no_target point-1
	shorten_rules # `scale` has written the original rules
	wait_for 60 silent ServiceDown
}

# The last test: after all repairs no alert fires.
test_repaired_stack_fires_no_alert() {
	wait_for 120 nothing_fires || fail "firing: $(firing | xargs)"
}

# Checks that a test of this folder names each alert.
test_every_alert_is_provoked() {
	local alert
	while read -r alert; do
		grep -qE "^	provoke .*\b$alert\b" tests/monitoring/{run,long.sh,ha.sh} || fail "$alert"
	done < <(sed -n 's/^ *- alert: //p' deploy/monitoring/alerts.yml)
}
