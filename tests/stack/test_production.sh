#!/usr/bin/env bash
# shellcheck disable=SC2016,SC2154 # variables of common.sh; inner shells read what is in single quotes
# Services with production settings. They use the stack's stores, and run beside its services.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# shellcheck source=deploy/local/unprivileged.sh
source deploy/local/unprivileged.sh

# Makes a folder with everything that a service in production needs. All of it is valid and readable by the service's user.
production_folder() {
	local name
	prod=$work/production
	[[ ! -e $prod ]] || return 0
	chmod 711 "$work"
	mkdir -p "$prod/keys"
	cp "$BUILD_DIR/kore/kore" "$BUILD_DIR"/{queue,reservation,payment,point}.so "$prod"
	for name in queue_token toss redis_queue redis_reservation redis_payment redis_point; do
		cp "$RUN_DIR/secrets/$name" "$prod/$name"
	done
	for name in queue reservation payment point; do
		echo "localhost:*:concert:${name}_service:$(<"$RUN_DIR/secrets/${name}_service")" >"$prod/$name.pgpass"
	done
	openssl ecparam -name prime256v1 -genkey -noout -out "$prod/private.pem"
	openssl ec -in "$prod/private.pem" -pubout -out "$prod/keys/one.pem" 2>/dev/null
	make_authority "$prod/ca" && make_authority "$prod/other-ca"
	chmod 600 "$prod"/*
	chmod 700 "$prod/kore" "$prod"/*.so "$prod/keys"
	((EUID != 0)) || chown -R "$SERVICE_USER:" "$prod"
}

# make_authority NAME: makes a certificate authority, NAME.pem and NAME.key.
make_authority() {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=authority" \
		-keyout "$1.key" -out "$1.pem" 2>/dev/null
}

# production_settings SERVICE PORT: prints valid production settings. PostgreSQL is reached by TLS, Redis by the service's user.
production_settings() {
	local service=$1
	printf '%s\n' PATH="$PATH" SO="$prod/$service.so" RUNDIR="$prod" PORT="$2" WORKERS=1 BIND=127.0.0.1 \
		JWT_ALG=ES256 JWT_KEYS_DIR="$prod/keys" JWT_ISSUER=https://login.example.com JWT_AUDIENCE=concerts \
		QUEUE_TOKEN_SECRET_FILE="$prod/queue_token" CARD_PROVIDER_URL=https://127.0.0.1:1 CARD_PROVIDER_SECRET_FILE="$prod/toss" \
		REDIS_HOST=127.0.0.1 REDIS_PORT="$REDIS_PORT" REDIS_USER="$service" REDIS_PASSWORD_FILE="$prod/redis_$service" \
		PG_CONNINFO="host=localhost port=$PG_PORT dbname=concert user=${service}_service passfile=$prod/$service.pgpass sslmode=verify-full sslrootcert=$prod/ca.pem"
}

# production SERVICE PORT [NAME=VALUE...]: this process becomes the service, with these settings instead of the valid ones.
production() {
	local settings service=$1
	mapfile -t settings < <(production_settings "$1" "$2")
	env -i "${settings[@]}" envsubst '$BIND $PORT $WORKERS $SO $RUNDIR' <services/kore.conf >"$prod/$service.conf"
	chmod 644 "$prod/$service.conf"
	local as=()
	[[ $EUID != 0 || -n ${as_root:-} ]] || as=(setpriv "--reuid=$SERVICE_USER" "--regid=$SERVICE_USER" --clear-groups)
	cd "$prod" || exit 1
	exec env -i "${settings[@]}" "${@:3}" "${as[@]}" ${limit:+timeout "$limit"} setpriv --pdeathsig KILL "$prod/kore" -f -n -r -c "$prod/$service.conf"
}

# refused SERVICE NAME=VALUE...: the service must not start with these settings. Sets $said to its output.
refused() {
	local status=0 name=$1
	shift
	said=$(limit=120 production "$name" $((POINT_PORT + 40)) "$@" 2>&1 </dev/null) || status=$?
	is "the status with $*" "$status" 1
	has "what it said with $*" "$said" 'not started: correct the '
}

test_each_fault_in_production_stops_the_start() {
	local service name fault
	production_folder
	while read -r service name fault; do
		refused "$service" "$name=$fault"
		has "what $service said with $name=$fault" "$said" "$service: setting $name: "
		is 'the faults' "$(grep -c "^$service: setting " <<<"$said")" 1
	done <<-END
		point CHARGE_FUNDING trusted
		point CARD_PROVIDER_URL http://api.tosspayments.com
		point CARD_PROVIDER_URL
		payment CARD_PROVIDER_URL http://127.0.0.1:9150
		point JWT_ISSUER
		queue JWT_AUDIENCE
		queue REDIS_PASSWORD_FILE
		reservation REDIS_PASSWORD_FILE
		payment REDIS_PASSWORD_FILE
		point REDIS_PASSWORD_FILE
		point ENVIRONMENT staging
		point PG_CONNINFO host=localhost password=x
		point PG_CONNINFO host=localhost passfile=$prod/none
	END
	refused point PG_CONNINFO="host=10.0.0.1 dbname=concert"
	has 'what it said' "$said" 'sslmode=verify-full is required'
	has 'what it said' "$said" 'sslrootcert= is required'
	refused point JWT_ALG=HS256 JWT_SECRET_FILE="$prod/queue_token"
	has 'what it said' "$said" 'point: setting JWT_ALG: HS256 is for development'
}

test_secret_readable_by_others_stops_the_start() {
	local mode file service setting
	production_folder
	for mode in 640 604; do
		while read -r service setting file; do
			chmod "$mode" "$prod/$file"
			refused "$service"
			has "what $service said of $file at $mode" "$said" "$service: setting $setting: "
			chmod 600 "$prod/$file"
		done <<-END
			queue QUEUE_TOKEN_SECRET_FILE queue_token
			queue REDIS_PASSWORD_FILE redis_queue
			payment CARD_PROVIDER_SECRET_FILE toss
			point PG_CONNINFO point.pgpass
		END
	done
}

test_all_faults_in_production_are_named_in_one_start() {
	local name
	production_folder
	chmod 644 "$prod/toss"
	refused point CHARGE_FUNDING=trusted CARD_PROVIDER_URL=http://x JWT_ALG=HS256 JWT_ISSUER= JWT_AUDIENCE= \
		JWT_SECRET_FILE="$prod/toss" PG_CONNINFO=host=db.example.com REQUESTS_MAX=many
	chmod 600 "$prod/toss"
	for name in CHARGE_FUNDING CARD_PROVIDER_URL JWT_ALG JWT_ISSUER JWT_AUDIENCE JWT_SECRET_FILE CARD_PROVIDER_SECRET_FILE \
		PG_CONNINFO REQUESTS_MAX; do
		has 'what it said' "$said" "point: setting $name: "
	done
	lacks 'what it said' "$said" "$(<"$prod/toss")"
}

test_root_in_production_stops_the_start() {
	((EUID == 0)) || return 0
	production_folder
	as_root=1 refused point
	has 'what it said' "$said" 'must not run as root'
}

# serve_tls: PostgreSQL gets a certificate of the test's authority. serve_plain takes it away at the end of the test.
serve_tls() {
	local data
	use_superuser
	data=$(sql -c 'SHOW data_directory')
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
		-keyout "$work/server.key" -out "$work/server.csr" 2>/dev/null
	openssl x509 -req -in "$work/server.csr" -CA "$prod/ca.pem" -CAkey "$prod/ca.key" -CAcreateserial -days 2 \
		-extfile <(echo subjectAltName=DNS:localhost) -out "$work/server.pem" 2>/dev/null
	install -m 600 "$work/server.pem" "$data/tests.pem"
	install -m 600 "$work/server.key" "$data/tests.key"
	((EUID != 0)) || chown postgres: "$data"/tests.{pem,key}
	sql -c "ALTER SYSTEM SET ssl_cert_file = 'tests.pem'" -c "ALTER SYSTEM SET ssl_key_file = 'tests.key'" -c 'ALTER SYSTEM SET ssl = on' \
		-c 'SELECT pg_reload_conf()' >/dev/null
	wait_for 60 bash -c '[[ $(psql -qAtc "SHOW ssl") == on ]]'
}

serve_plain() {
	sql -c 'ALTER SYSTEM RESET ssl' -c 'ALTER SYSTEM RESET ssl_cert_file' -c 'ALTER SYSTEM RESET ssl_key_file' \
		-c 'SELECT pg_reload_conf()' >/dev/null
}

# ready PORT: prints the body of /readyz, whatever its status.
# ready PORT: prints what /readyz says. A worker accepts connections only some seconds after its start if it lacks a store.
ready() {
	wait_for 60 curl -sS -m 2 -o "$work/ready" "http://127.0.0.1:$1/readyz" 2>/dev/null
	cat "$work/ready"
}

test_valid_production_settings_start() {
	local service port pids=()
	production_folder
	serve_tls
	# A secret may belong to another user if the service's group can read it, as in Kubernetes (fsGroup) and systemd (credentials).
	((EUID != 0)) || { chown "root:$SERVICE_USER" "$prod/toss" && chmod 440 "$prod/toss"; }
	port=$((POINT_PORT + 41))
	for service in queue reservation payment point; do
		production "$service" "$port" >"$work/$service.log" 2>&1 &
		pids+=($!)
		port=$((port + 1))
	done
	port=$((POINT_PORT + 41))
	for service in queue reservation payment point; do
		wait_for 60 bash -c "curl -fsS -m 2 http://127.0.0.1:$port/readyz" || fail "$service: $(tail -n 5 "$work/$service.log")"
		port=$((port + 1))
	done
	is 'connections without TLS' "$(sql -c "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid)
		WHERE NOT s.ssl AND a.application_name = ''  AND a.usename LIKE '%_service'")" 0
	# A token that is signed with the development secret is refused.
	is 'the status' "$(curl -sS -m 30 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$((POINT_PORT + 44))/points" \
		-H "Authorization: Bearer $(deploy/local/token)")" 401
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null

	# The service does not use a server that cannot prove its identity.
	(production point "$((POINT_PORT + 45))" PG_CONNINFO="host=localhost port=$PG_PORT dbname=concert user=point_service \
passfile=$prod/point.pgpass sslmode=verify-full sslrootcert=$prod/other-ca.pem" >"$work/point.log" 2>&1) &
	pids=($!)
	wait_for 60 grep -q 'certificate verify failed' "$work/point.log"
	has '/readyz' "$(ready "$((POINT_PORT + 45))")" '"postgres":"down"'
	kill "${pids[@]}"
	wait "${pids[@]}" 2>/dev/null
	serve_plain
}

test_wrong_redis_password_is_reported() {
	local pid port=$((POINT_PORT + 46))
	production_folder
	echo wrong >"$prod/redis_queue"
	(production queue "$port" PG_CONNINFO="host=localhost port=$PG_PORT dbname=concert user=queue_service passfile=$prod/queue.pgpass" \
		>"$work/queue.log" 2>&1) &
	pid=$!
	wait_for 60 grep -q 'WRONGPASS.*check REDIS_USER' "$work/queue.log"
	has '/readyz' "$(ready "$port")" '"redis":"unauthorized"'
	has '/readyz' "$(ready "$port")" "Redis refuses this service's user or password"
	lacks 'the log' "$(<"$work/queue.log")" "$(<"$RUN_DIR/secrets/redis_queue")"
	cp "$RUN_DIR/secrets/redis_queue" "$prod/redis_queue"
	kill "$pid"
	wait "$pid" 2>/dev/null
}

run_tests
