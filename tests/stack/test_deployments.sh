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
# Backups, monitoring, HA=1 and the logs of the gateway in files are not part of docker-compose.yml.
local_settings=' RUN_DIR BIND GATEWAY_HTTP_PORT GATEWAY_HTTPS_PORT PG_PORT REDIS_PORT QUEUE_PORT RESERVATION_PORT PAYMENT_PORT
	POINT_PORT TOSS_PORT INSTANCES QUEUE_INSTANCES RESERVATION_INSTANCES PAYMENT_INSTANCES POINT_INSTANCES UP_TIMEOUT_SECONDS
	PG_LOCK_TIMEOUT_MS PG_VIA_PORT REDIS_HOST REDIS_VIA_PORT JWT_SECRET_FILE QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_URL
	CARD_PROVIDER_SECRET_FILE TOSS_WEBHOOK_URL LOG_LEVEL_FILE
	PG_WAL_DIR BACKUP_DIR BACKUP_KEEP BACKUP_WAL_SECONDS
	MONITORING PROMETHEUS_PORT PROMETHEUS_KEEP_DAYS PROMETHEUS_KEEP_MEGABYTES PROMETHEUS_INTERVAL_SECONDS GATEWAY_METRICS_PORT
	ALERTMANAGER CHECK_DATA_SECONDS HA HA_PORT HA_MACHINES
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
		[[ $service == toss ]] || grep -q "containerPort: $port}" "deploy/k8s/base/$service/$service.yaml" ||
			fail "deploy/k8s/base/$service/$service.yaml has another port"
	done
}

test_systemd_units_have_an_exposure_of_at_most_2_0() {
	local unit
	for unit in deploy/systemd/*.service; do
		said=$(systemd-analyze security --offline=true --threshold=20 "$PWD/$unit" 2>&1) || fail "$unit: $(tail -n 1 <<<"$said")"
		grep -q '^User=' "$unit" || fail "$unit runs as root"
	done
}

test_kubernetes_overlays_have_no_fault() {
	said=$(deploy/k8s/check 2>&1) || fail "$said"
}

# plant FILE SCRIPT: changes a file of the copy by a script of sed.
plant() {
	sed -i "$2" "$work/k8s/$1"
	! cmp -s "$work/k8s/$1" "deploy/k8s/$1" || fail "the script changes nothing: $2"
}

test_planted_mistakes_in_kubernetes_files_are_found() {
	local fault faults
	cp -r deploy/k8s "$work/k8s"
	plant base/payment/payment.yaml 's/readinessProbe:/readynessProbe:/; s/maxUnavailable: 1$/maxUnavailable: [1]/
		s/terminationGracePeriodSeconds: 60/terminationGracePeriodSeconds: 59/; s/runAsNonRoot: true/runAsNonRoot: false/
		s/secretName: concert-payment/secretName: concert-point/; s/limits: {memory/limits: {cpu/'
	plant base/queue/queue.yaml 's/^  ports:$/  prots:/; s/{matchLabels: {app: gateway}}/{matchLabels: {app: gatewya}}/
		s/kind: PodDisruptionBudget/kind: PodDisruptionBugdet/'
	plant base/point/point.yaml 's/minReadySeconds: 45/minReadySeconds: 30/; s/"sleep", "45"/"sleep", "15"/; s/AlwaysAllow/IfHealthyBudget/
		s/nodeTaintsPolicy: Honor/nodeTaintsPolicy: Ignore/; s/enableServiceLinks: false/enableServiceLinks: true/'
	plant production/stores/redis.yaml 's/pod-name: redis-4/pod-name: redis-5/; s/limits: {memory: 3Gi}/limits: {memory: 2Gi}/
		s/- {name: JE_MALLOC_CONF.*/- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}/'
	plant production/prometheus-scrape.yaml 's/|payment//'
	plant production/prometheus-adapter.yaml 's/as: ct_requests_in_flight/as: requests_in_flight/'
	plant base/namespace/network.yaml 's/policyTypes: \[Ingress, Egress\]/policyTypes: [Egress]/'
	plant production/settings/kustomization.yaml 's/ENVIRONMENT=production/ENVIRONMENT=development/; s/WORKERS=2/WORKERS=4/; s/ES256/HS256/
		s/JWT_KEYS_DIR=.*/JWT_JWKS_URL=https:\/\/login.concerts.com\/keys/; s/redis-node-2/redis-2.redis/'
	plant production/gateway/kustomization.yaml 's/newTag: v1.0.0/newTag: latest/'
	plant production/migrate/kustomization.yaml 's/bases: .*/bases: [..\/..\/base\/migrat]/'
	faults=$(deploy/k8s/check "$work/k8s" 2>&1) && fail "nothing was found"
	for fault in \
		"production/payment: Deployment payment: TS2353: Object literal may only specify known properties, and '\"readynessProbe\"'" \
		"production/payment: PodDisruptionBudget payment: TS2322: Type 'number[]' is not assignable" \
		"local: Service queue: TS2353: Object literal may only specify known properties, and '\"prots\"'" \
		'local: PodDisruptionBugdet queue: TS2694' \
		'production/payment: Deployment payment: terminationGracePeriodSeconds is less than preStop, DRAIN_SECONDS and five more' \
		'production/payment: Deployment payment: runAsNonRoot is not true' \
		'container payment: its memory is not bounded' \
		'has the secret of production/p' \
		'production: queue: no disruption budget' \
		'production: network policies: gateway cannot call queue:9110' \
		'local: network policies: nothing denies Ingress by default in concert' \
		'production: concert-settings: ENVIRONMENT is not production' \
		'production: max_connections is 300, and all pods together need' \
		'has HS256' \
		'production/point: Deployment point: enableServiceLinks is not false' \
		'production/point: Deployment point: nodeTaintsPolicy is not Honor' \
		'production/point: Deployment point: preStop ends after 15 s, and gateways may use the address for 40 s' \
		'production/point: Deployment point: minReadySeconds is less than the 40 s' \
		'production: point: its pods that are not ready keep a machine from being drained' \
		'production: redis-4 has no service with an address that stays' \
		'production: redis announces the address of its pod' \
		'production: redis needs twice its maxmemory' \
		'production: REDIS_NODES: redis-2.redis.concert-stores.svc:6379 is no address that stays' \
		'production: network policies: queue cannot call JWT_JWKS_URL, port 443' \
		'Deployment payment: prometheus-scrape.yaml does not find it' \
		'HorizontalPodAutoscaler queue: prometheus-adapter.yaml has no metric ct_requests_in_flight' \
		'production/gateway: Deployment gateway: container gateway: the image has no version as its tag' \
		'production/migrate: kubectl kustomize: '; do
		[[ $faults == *"$fault"* ]] || fail "not found: $fault"
	done
}

# A change of the settings is a change of the pods, so it starts new ones.
test_changed_kubernetes_settings_start_new_pods() {
	local copy=$work/changed
	type -P kubectl >/dev/null || deploy/local/install-packages k8s >/dev/null
	# config FOLDER: the config map that the pods of the payment service read.
	config() {
		kubectl kustomize "$1/production/payment" 2>/dev/null | sed -n 's/^ *name: \(concert-settings-[a-z0-9]*\)$/\1/p' | sort | uniq -c
	}
	cp -r deploy/k8s "$copy"
	sed -i 's/DRAIN_SECONDS=10/DRAIN_SECONDS=9/' "$copy/production/settings/kustomization.yaml"
	said=$(config deploy/k8s)
	has 'the uses' "$said" '2 concert-settings-'
	lacks 'the uses of changed settings' "$(config "$copy")" "$said"
}

# The guide's third step, with a kubectl that makes nothing. Each secret that a pod mounts, or the database names, comes from it.
test_kubernetes_guide_makes_every_secret() {
	local name
	mkdir -p "$work/guide/bin"
	ln -s "$PWD/deploy" "$work/guide/deploy"
	printf '%s\n' '#!/bin/bash' '[[ "$*" != *" -k "*" -f "* ]] || exit 1' '[[ " $* " != *" create "* ]] ||' \
		"exec $(type -P kubectl)"' "$@" --dry-run=client -o name' >"$work/guide/bin/kubectl"
	chmod +x "$work/guide/bin/kubectl"
	deploy/local/make-secrets
	cp "$RUN_DIR/tls/cert.pem" "$RUN_DIR/tls/key.pem" "$work/guide"
	echo key >"$work/guide/KID.pem"
	awk '/^3\. /{ here = 1 } here && /```$/ { exit } here && begun; here && /```sh/ { begun = 1 }' deploy/k8s/README.md >"$work/guide/steps"
	said=$(cd "$work/guide" && PATH=$work/guide/bin:$PATH bash -eu steps 2>&1) || fail "$said"
	for name in $(grep -ohE 'secretName: [a-z-]+|[a-zA-Z]*[sS]ecret: \{name: [a-z-]+|serverCASecret: [a-z-]+|(accessKeyId): \{name: [a-z-]+' \
		-r deploy/k8s/base deploy/k8s/production | sed 's/.* //' | sort -u); do
		has 'the secrets' "$said" "secret/$name"
	done
	for name in concert-jwt-keys concert-postgres-ca; do
		has 'the config maps' "$said" "configmap/$name"
	done
	# CloudNativePG takes the authority's key in this form only.
	has "the authority's key" "$(head -n 1 "$work/guide/.run-production/secrets/database-ca.key")" 'BEGIN EC PRIVATE KEY'
}

# No production configuration has a development setting.
test_production_guides_have_no_development_settings() {
	local file
	for file in deploy/systemd/README.md deploy/k8s/README.md deploy/k8s/base/*/* deploy/k8s/production/*/*; do
		! grep -nE 'ENVIRONMENT: *development|ENVIRONMENT=development|HS256|CHARGE_FUNDING.*trusted|URL.*http://' "$file" || fail "$file"
	done
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
