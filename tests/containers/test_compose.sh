#!/usr/bin/env bash
# shellcheck disable=SC2016 # a variable of the container
# What docker-compose.yml promises, seen from outside the containers. `run` starts this file in new namespaces.
#
# usage: test_compose.sh FOLDER CGROUP        (FOLDER/base is the base image)
set -uo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
# shellcheck source=deploy/local/settings.sh
source deploy/local/settings.sh
# shellcheck source=tests/lib/tap.sh
source tests/lib/tap.sh
work=$1
cgroup=$2

tag=$(git describe --always --dirty 2>/dev/null || echo dev)
export DOCKER_HOST=unix:///run/docker.sock RUN_DIR=$work/run
services=(queue reservation payment point toss)

say() {
	echo "# $(date +%T) $*"
}

# stop MESSAGE [LOG]: fails the test and skips the tests after it.
stop() {
	fail "$1"
	[[ -z ${2:-} ]] || tail -n 15 "$2" >>"$tap_faults"
	exit 1
}

# compose SECONDS ARGUMENT...: docker-compose with a deadline. Only these variables are in its environment.
compose() {
	env -i PATH="$PATH" HOME="$work" DOCKER_HOST="$DOCKER_HOST" COMPOSE_PROJECT_NAME=concert RUN_DIR="$RUN_DIR" IMAGE_TAG="$tag" \
		POSTGRES_IMAGE=stores REDIS_IMAGE=stores DEBIAN_IMAGE=debian:test HOLD_TTL_SECONDS=240 \
		timeout --kill-after=5 "$1" docker-compose --no-ansi "${@:2}" </dev/null
}

container() {
	echo "concert_$1_1"
}

# state NAME FIELD: a field of what Docker says about the container.
state() {
	docker inspect -f "{{.State.$2}}" "$(container "$1")" 2>/dev/null
}

is_healthy() {
	[[ $(state "$1" Health.Status) == healthy ]]
}

was_started_again() {
	[[ $(docker inspect -f '{{.RestartCount}}' "$(container "$1")") == 1 ]]
}

# Ready is what the health check asks, but now, not at its last run.
is_ready() {
	case $1 in
	postgres) docker exec "$(container postgres)" pg_isready -q -h 127.0.0.1 -d concert ;;
	redis) docker exec "$(container redis)" redis-cli ping ;;
	gateway) gateway_reaches_all ;;
	*) docker exec "$(container "$1")" sh -c 'curl -fsS -m 2 -o /dev/null "http://127.0.0.1:$PORT/readyz"' ;;
	esac >/dev/null 2>&1
}

# The gateway follows the addresses of the services, so it may reach one a moment later than another.
gateway_reaches_all() {
	local path status
	for path in /concerts /queues/status /payments /points; do
		status=$(curl -sS -m 2 -o /dev/null -w '%{http_code}' --cacert "$RUN_DIR/tls/cert.pem" "https://localhost:8443$path")
		[[ $status == 200 || $status == 401 ]] || return 1
	done
}

# wait_until_ready SECONDS NAME...: says each container that is ready.
wait_until_ready() {
	local deadline=$((SECONDS + $1)) name
	for name in "${@:2}"; do
		until is_ready "$name"; do
			if ((SECONDS >= deadline)); then
				docker logs --tail 15 "$(container "$name")" >"$work/log" 2>&1
				stop "$name is not ready" "$work/log"
			fi
			sleep 0.2
		done
		say "$name is ready"
	done
}

start_engine() {
	ip link set lo up
	mount -t tmpfs tmpfs /run
	dockerd --host "$DOCKER_HOST" --data-root "$work/docker" --exec-root /run/docker --pidfile /run/docker.pid \
		--cgroup-parent "/$cgroup" --log-level warn >"$work/dockerd.log" 2>&1 </dev/null &
	local deadline=$((SECONDS + 60))
	until docker version >/dev/null 2>&1; do
		if ! kill -0 $! 2>/dev/null || ((SECONDS >= deadline)); then
			stop "dockerd does not start" "$work/dockerd.log"
		fi
		sleep 0.2
	done
}

set_up_file() {
	start_engine
	say "importing the base image"
	tar -C "$work/base" --exclude='./proc/*' --exclude='./sys/*' -c . | docker import - debian:test >/dev/null ||
		stop "the base image cannot be imported" "$work/dockerd.log"
	rm -rf "$work/base"
	mkdir "$work/stores" "$RUN_DIR"
	cp tests/containers/{stores.Dockerfile,docker-entrypoint.sh} deploy/local/{install-packages,packages} "$work/stores"
	deploy/local/make-secrets || stop "no secrets"
	(load_settings && print_settings) >"$RUN_DIR/env"
}

# build NAME COMMAND...: runs the command that builds the image.
build() {
	say "building $1"
	"${@:2}" >"$work/build.log" 2>&1 || stop "$1 cannot be built" "$work/build.log"
}

test_all_images_are_built_with_the_tag_of_the_version() {
	local name
	build stores timeout 1800 docker build -t stores --build-arg DEBIAN=debian:test -f "$work/stores/stores.Dockerfile" "$work/stores"
	for name in queue reservation payment point toss migrate gateway; do
		build "$name" compose 1800 build "$name"
		docker image inspect "concert-$name:$tag" >/dev/null || fail "there is no image concert-$name:$tag"
	done
	say "the images take $(docker system df --format '{{.Type}} {{.Size}}' | sed -n 's/^Images //p')"
}

test_all_containers_become_healthy() {
	local name
	say "starting the containers"
	compose 600 up -d --no-build >"$work/log" 2>&1 || stop "docker-compose up fails" "$work/log"
	wait_until_ready 300 postgres redis "${services[@]}" gateway
	for name in postgres redis "${services[@]}" gateway; do
		wait_for 120 is_healthy "$name"
	done
	is "the exit status of migrate" "$(state migrate ExitCode)" 0
}

test_setting_of_the_environment_reaches_the_service() {
	is 'HOLD_TTL_SECONDS of the reservation service' "$(docker exec "$(container reservation)" printenv HOLD_TTL_SECONDS)" 240
}

test_services_run_without_root() {
	local name
	for name in "${services[@]}"; do
		is "the user of $name" "$(ps -o uid= -p "$(state "$name" Pid)" | tr -d ' ')" 10001
	done
}

test_journey_goes_through_the_gateway() {
	docker exec -i "$(container postgres)" psql -q -U postgres concert <deploy/local/demo.sql >"$work/log" 2>&1 ||
		stop "the demo concert cannot be loaded" "$work/log"
	timeout 300 deploy/local/journey >"$work/log" 2>&1 || stop "the journey fails" "$work/log"
}

# A killed program starts again, because the container's restart policy says so.
test_journey_goes_through_the_gateway_after_both_stores_were_killed() {
	local name
	for name in postgres redis; do
		kill -KILL "$(state "$name" Pid)"
	done
	for name in postgres redis; do
		wait_for 120 was_started_again "$name"
	done
	wait_until_ready 300 postgres redis "${services[@]}" gateway
	timeout 300 deploy/local/journey >"$work/log" 2>&1 || stop "the journey fails" "$work/log"
	is 'broken invariants' "$(docker exec "$(container postgres)" psql -qAt -U postgres concert -c 'SELECT * FROM platform.invariants')" ''
}

test_containers_end_in_order_when_they_are_stopped() {
	local name
	say "stopping the containers"
	compose 300 stop >"$work/log" 2>&1 || stop "docker-compose stop fails" "$work/log"
	for name in postgres redis queue reservation payment point gateway; do
		is "the exit status of $name" "$(state "$name" ExitCode)" 0
	done
	compose 300 down --volumes >"$work/log" 2>&1 || stop "docker-compose down fails" "$work/log"
	is 'containers afterwards' "$(docker ps -aq)" ''
}

run_tests
