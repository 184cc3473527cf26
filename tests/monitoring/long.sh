# Sourced by `tests/monitoring/run long`: the other alerts, each provoked by breaking something.
# shellcheck shell=bash disable=SC2154 # variables of run

test_stopped_service_fires_ServiceDown() {
	provoke stop_point start_point ServiceDown
}

stop_postgres() { supervisor stop postgres; }
start_postgres() { supervisor start postgres; }

test_stopped_postgres_fires_PostgresDown() {
	provoke stop_postgres start_postgres PostgresDown ServiceNotReady
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
	api POST /points/charge -H "Idempotency-Key: $(</proc/sys/kernel/random/uuid)" -d '{"amount":10000}' -f
}

test_events_that_cannot_be_sent_fire_EventsLag() {
	provoke write_event_without_redis start_redis EventsLag
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
	provoke overload_point wait RequestsShed ErrorRatioHigh
}

# hammer: one user repeats a call as fast as possible, for 25 seconds. Nobody else sends requests.
hammer() {
	local end=$((SECONDS + 25))
	(
		while ((SECONDS < end)); do
			curl -ks -o /dev/null --parallel --parallel-max 20 -H "Authorization: Bearer $jwt" "https://localhost:$GATEWAY_HTTPS_PORT/points?n=[1-200]"
		done
	) >/dev/null 2>&1 &
}

test_refused_user_fires_RefusedRatioHigh() {
	provoke hammer wait RefusedRatioHigh
}

kill_workers_often() {

	for _ in 1 2 3 4; do
		pkill -KILL -P "$(supervisor pid queue-0)" -f wrk || true
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
