#!/usr/bin/env bash
# shellcheck disable=SC2013,SC2016,SC2154 # variables of common.sh; COPY has no blanks in its names
# The settings of containers, systemd and Kubernetes. None of them runs here.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# compose [NAME=VALUE...]: prints the compose file as Docker gets it. Only these variables are in the environment.
compose() {
	env -i PATH="$PATH" HOME="$work" "$@" docker-compose config
}

test_compose_file_is_valid() {
	said=$(compose 2>&1) || fail "$said"
	is 'its services' "$(sed -n '/^services:/,/^[a-rt-z]/s/^  \([a-z]*\):$/\1/p' <<<"$said" | sort | tr '\n' ' ')" \
		'gateway migrate payment point postgres queue redis reservation toss '
	has 'images' "$said" 'image: postgres:15'
	has 'images' "$said" 'image: redis:7'
}

test_images_have_the_tag_of_the_environment() {
	said=$(compose)
	is 'images with the default tag' "$(grep -c '^    image: concert-[a-z]*:dev$' <<<"$said")" 7
	said=$(compose IMAGE_TAG=v1.2.3)
	is 'images with the tag v1.2.3' "$(grep -c '^    image: concert-[a-z]*:v1.2.3$' <<<"$said")" 7
}

# local_values: prints NAME=value of each setting of the local stack, without the environment.
local_values() {
	env -i PATH="$PATH" bash -c 'source deploy/local/settings.sh
		read_settings deploy/local/env
		default_settings
		print_settings'
}

# Settings that only the local stack has. Containers have their own addresses, files for keys and secrets, and levels of logs.
# Backups, monitoring and the logs of the gateway in files are not part of docker-compose.yml.
local_settings=' RUN_DIR BIND GATEWAY_HTTP_PORT GATEWAY_HTTPS_PORT PG_PORT REDIS_PORT QUEUE_PORT RESERVATION_PORT PAYMENT_PORT
	POINT_PORT TOSS_PORT INSTANCES QUEUE_INSTANCES RESERVATION_INSTANCES PAYMENT_INSTANCES POINT_INSTANCES UP_TIMEOUT_SECONDS
	PG_LOCK_TIMEOUT_MS PG_VIA_PORT REDIS_HOST REDIS_VIA_PORT JWT_ALG JWT_SECRET_FILE JWT_KEYS_DIR JWT_JWKS_URL
	JWT_JWKS_REFRESH_SECONDS QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_URL CARD_PROVIDER_SECRET_FILE TOSS_WEBHOOK_URL LOG_LEVEL_FILE
	PG_WAL_DIR BACKUP_DIR BACKUP_KEEP BACKUP_WAL_SECONDS
	MONITORING PROMETHEUS_PORT PROMETHEUS_KEEP_DAYS PROMETHEUS_KEEP_MEGABYTES PROMETHEUS_INTERVAL_SECONDS GATEWAY_METRICS_PORT
	NGINX_METRICS_PORT POSTGRES_METRICS_PORT REDIS_METRICS_PORT NODE_METRICS_PORT PROBE_METRICS_PORT
	GATEWAY_PUBLIC_PORT GATEWAY_ACCESS_LOG GATEWAY_ERROR_LOG GATEWAY_CONNECTION_LOG GATEWAY_LOG_MEGABYTES GATEWAY_LOG_FILES
	GATEWAY_STATUS_PORT '

test_containers_have_the_settings_of_the_local_stack() {
	local name value changes=()
	while IFS='=' read -r name value; do
		[[ ! $local_settings =~ [[:space:]]${name}[[:space:]] ]] || continue
		changes+=("$name=changed")
		grep -qF "$name: \${$name:-$value}" docker-compose.yml || fail "docker-compose.yml has another default of $name than the local stack"
	done < <(local_values)
	# Each setting of the environment reaches a container.
	said=$(compose "${changes[@]}")
	for name in "${changes[@]%=changed}"; do
		grep -qx "      $name: changed" <<<"$said" || fail "no container has the $name of the environment"
	done
}

test_containers_listen_at_the_ports_of_the_local_stack() {
	local service port
	said=$(compose)
	for service in queue reservation payment point toss; do
		port=${service^^}_PORT port=${SETTING_DEFAULT[$port]}
		has "the arguments of $service" "$(sed -n "/^  $service:$/,/^  [a-z]/p" <<<"$said")" "PORT: '$port'"
		[[ $service == toss ]] || grep -q "containerPort: $port}" "deploy/k8s/$service.yaml" ||
			fail "deploy/k8s/$service.yaml has another port"
	done
}

test_systemd_units_have_an_exposure_of_at_most_2_0() {
	local unit
	for unit in deploy/systemd/*.service; do
		said=$(systemd-analyze security --offline=true --threshold=20 "$PWD/$unit" 2>&1) || fail "$unit: $(tail -n 1 <<<"$said")"
		grep -q '^User=' "$unit" || fail "$unit runs as root"
	done
}

test_pods_follow_the_restricted_profile() {
	said=$(tests/stack/check-pods deploy/k8s/*.yaml 2>&1) || fail "$said"
	# Control: the check finds faults.
	sed 's/runAsNonRoot: true/runAsNonRoot: false/; s/concert-point/concert-payment/' deploy/k8s/point.yaml >"$work/point.yaml"
	said=$(tests/stack/check-pods deploy/k8s/payment.yaml "$work/point.yaml" 2>&1) && fail "the check found nothing"
	has 'the faults' "$said" 'point: runAsNonRoot is not true'
	has 'the faults' "$said" 'point: has the secret of payment'
}

# No production configuration has a development setting.
test_production_guides_have_no_development_settings() {
	local file
	for file in deploy/systemd/README.md deploy/k8s/*; do
		! grep -nE 'ENVIRONMENT: *development|ENVIRONMENT=development|HS256|CHARGE_FUNDING.*trusted|URL.*http://' "$file" || fail "$file"
	done
	grep -q 'ENVIRONMENT: production' deploy/k8s/config.yaml || fail "deploy/k8s/config.yaml: no ENVIRONMENT"
}

test_images_do_not_run_as_root() {
	local file user
	for file in deploy/docker/*.Dockerfile; do
		user=$(sed -n 's/^USER //p' "$file" | tail -n 1)
		[[ $user =~ ^[1-9][0-9]*$ ]] || fail "$file: USER '$user' is not a number above 0"
		# The base image is an argument, so that a build can pin its digest.
		! grep '^FROM ' "$file" | grep -qv '^FROM $DEBIAN' || fail "$file: the base image is not an argument"
	done
}

# Only deploy/local/packages names Debian packages.
test_images_install_packages_only_from_the_list() {
	said=$(grep -nE 'apt|dpkg -i' deploy/docker/*.Dockerfile | grep -v 'rm -rf /var/lib/apt/lists') && fail "$said"
	grep -q 'install-packages gateway' deploy/docker/gateway.Dockerfile || fail "the gateway installs another group"
}

# The copy has the tree's folders as links; only files that are changed here are its own.
test_images_copy_only_files_that_exist_in_the_context() {
	local copy=$work/images
	said=$(deploy/docker/check 2>&1) || fail "$said"
	# Control: the check finds faults.
	mkdir -p "$copy/deploy"
	ln -s "$PWD"/{services,shared,migrations} "$PWD/docker-compose.yml" "$copy"
	ln -s "$PWD"/deploy/{local,settings} "$copy/deploy"
	cp -r deploy/docker "$copy/deploy"
	sed '/simulator/d' .dockerignore >"$copy/.dockerignore"
	mkdir "$copy/deploy/simulator" "$copy/deploy/simulator/conf"
	touch "$copy/deploy/simulator/conf/toss.conf"
	sed -i 's/^COPY .*start-service .$/COPY deploy\/docker\/no-such-file ./' "$copy/deploy/docker/service.Dockerfile"
	echo 'ARG VERSION' >>"$copy/deploy/docker/migrate.Dockerfile"
	touch "$copy/deploy/docker/unused.Dockerfile"
	said=$(deploy/docker/check "$copy" 2>&1) && fail "the check found nothing"
	has 'the faults' "$said" 'copies deploy/simulator, which .dockerignore excludes'
	has 'the faults' "$said" 'copies deploy/docker/no-such-file, which does not exist'
	has 'the faults' "$said" 'copies nginx, which does not exist'
	has 'the faults' "$said" 'migrate.Dockerfile needs the argument VERSION'
	has 'the faults' "$said" 'unused.Dockerfile: docker-compose.yml does not build it'
}

run_tests
