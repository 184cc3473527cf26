#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The release before runs on the new schema, beside the new version, and after a rollback. `make test-deploy` runs this.
#
# The release before is the one that migrations/release-before names (migrations/README.md), or BEFORE=commit. It is built in build/before.
# The system begins with its schema, its programs and empty stores. Then it goes step by step to the new version and back. In each step,
# clients buy tickets through the gateway, and the HTTP tests of the release before call its instances.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../stack/common.sh"
# shellcheck source=deploy/local/releases.sh
source deploy/local/releases.sh
# shellcheck source=deploy/local/roll.sh
source deploy/local/roll.sh

before_tree=$ROOT/build/before
# The suites of tests/http of the release before that need no other programs and restart none.
before_suites="hold seats points payment idempotency privacy queue control card resale"

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

# Sets commit to that of the release before.
find_before() {
	local name=${BEFORE:-}
	[[ -n $name ]] || name=$(sed -n 's/^release //p' migrations/release-before)
	[[ -e .git ]] || skip_all "this is no git clone, so there is no release before"
	commit=$(git rev-parse -q --verify "$name^{commit}") || {
		[[ -z ${BEFORE:-} ]] || {
			echo "Bail out! BEFORE: there is no commit '$BEFORE' in this clone"
			exit 1
		}
		skip_all "this clone has no commit $name, the release before (git fetch --unshallow --tags)"
	}
	echo "# the release before: $(git log -1 --format='%h %ad %s' --date=short "$commit")"
}

# Builds the release before, with its HTTP tests. Sets nothing.
build_before() {
	if [[ $(cat "$before_tree/commit" 2>/dev/null) != "$commit" ]]; then
		rm -rf "$before_tree"
		mkdir -p "$before_tree"
		git archive "$commit" | tar -x -C "$before_tree"
		echo "$commit" >"$before_tree/commit"
	fi
	echo "# building it in build/before"
	if ! env -u BUILD_DIR -u ASAN make -C "$before_tree" --no-print-directory -s build-tests SUITES=http >"$work/build.log" 2>&1; then
		tail -n 20 "$work/build.log"
		echo "Bail out! the release before does not build"
		exit 1
	fi
	for service in "${SERVICES[@]}"; do
		mkdir -p "$work/before/$service"
		cp "$before_tree/build/$service.so" "$before_tree/build/kore/kore" "$work/before/$service/"
		cp "$before_tree/services/$service/conf/$service.conf" "$work/before/$service/kore.conf" 2>/dev/null ||
			cp "$before_tree/services/kore.conf" "$work/before/$service/"
		echo "before-$(git rev-parse --short "$commit")" >"$work/before/$service/version"
	done
}

# deploy_all before|new|rollback: all services, in the order of docs/deploying.md.
deploy_all() {
	local service option order=("${SERVICES[@]}")
	[[ $1 != rollback ]] || order=(point payment reservation queue)
	for service in "${order[@]}"; do
		case $1 in
		before) option=(--from "$work/before/$service") ;;
		new) option=(--from "$BUILD_DIR") ;;
		rollback) option=(--rollback) ;;
		esac
		said=$(deploy/local/deploy "$service" "${option[@]}" 2>&1) || fail "deploy $service ${option[*]}: $said"
	done
	use_running_settings
}

# Empty stores with the schema of the release before, and its programs.
begin_with_before() {
	local service names=()
	deploy_all before
	for service in "${SERVICES[@]}"; do
		names+=("$service-0")
	done
	supervisor stop "${names[@]}" >/dev/null
	use_superuser
	redis FLUSHALL >/dev/null
	redis FUNCTION FLUSH >/dev/null
	PGDATABASE=postgres sql -c 'DROP DATABASE concert WITH (FORCE)' -c 'CREATE DATABASE concert'
	said=$(SQITCH_FULLNAME=tests SQITCH_EMAIL=tests@localhost "$before_tree/migrations/migrate" 2>&1) || fail "the old migrations: $said"
	sql -f deploy/local/demo.sql 2>/dev/null
	supervisor start "${names[@]}" >/dev/null
	for service in "${SERVICES[@]}"; do
		check_instance "$service" 0 "$(<"$work/before/$service/version")" >/dev/null || fail "$WHY"
	done
}

# old_tests_pass WHERE SUITES: the HTTP tests of the release before pass.
old_tests_pass() {
	local count
	said=$(cd "$before_tree" && env -u T prove --verbose --exec "$ROOT/tests/lib/criterion" "$before_tree/build/tests/http" :: \
		--only "@(${2// /|})" -j6 2>&1) ||
		fail "$1: tests of the release before failed: $(grep -A3 '^not ok' <<<"$said" | head -n 30)"
	count=$(sed -n 's/^Files=1, Tests=\([0-9]*\),.*/\1/p' <<<"$said")
	((${count:-0} > 0)) || fail "$1: no test of the release before has run"
	echo "# $1: $count tests of the release before have run"
}

no_invariant_is_violated() {
	is 'violations' "$(sql -c 'SELECT count(*) FROM platform.invariants')" 0
}

set_up_file() {
	build_before
	begin_with_before
}

tear_down_file() {
	local service
	stop_load
	[[ -d $work/before ]] || return 0
	for service in "${SERVICES[@]}"; do
		deploy/local/scale "$service" 1 >/dev/null 2>&1
		deploy/local/deploy "$service" --from "$BUILD_DIR" >/dev/null 2>&1
	done
}

test_release_before_serves_with_its_own_schema() {
	start_load
	said=$(deploy/local/journey 2>&1) || fail "the journey failed: $(tail -n 5 <<<"$said")"
	nothing_was_lost
}

test_migrations_beside_the_release_before_lose_no_request() {
	start_load
	said=$(deploy/local/migrate 2>&1) || fail "the migrations failed: $said"
	nothing_was_lost
}

test_release_before_works_with_the_new_schema() {
	is 'the version' "$(release_of payment current)" "$(<"$work/before/payment/version")"
	old_tests_pass "old code" "$before_suites"
	no_invariant_is_violated
}

test_both_versions_work_side_by_side() {
	local service
	start_load
	for service in "${SERVICES[@]}"; do
		make_release "$service" "$BUILD_DIR"
		said=$(deploy/local/scale "$service" 2 2>&1) || fail "scale $service: $said"
		use_running_settings
		restart_instance "$service" 1 "$RELEASE" >/dev/null || fail "$WHY"
	done
	is 'the versions of payment' "$(instance_release payment 0) $(instance_release payment 1)" "$(<"$work/before/payment/version") $RELEASE"
	nothing_was_lost
	old_tests_pass "one old and one new instance" "hold payment queue"
	no_invariant_is_violated
}

test_new_version_replaces_the_release_before_without_a_lost_request() {
	start_load
	deploy_all new
	nothing_was_lost
	is 'the version of payment' "$(release_of payment current)" "$(cat "$BUILD_DIR/version")"
	is 'the releases of all instances' "$(for service in "${SERVICES[@]}"; do has_mixed_releases "$service" && echo "$service is mixed"; done)" ""
}

test_rollback_after_the_new_version_loses_no_request() {
	start_load
	deploy_all rollback
	nothing_was_lost
	is 'the version' "$(release_of payment current)" "$(<"$work/before/payment/version")"
	old_tests_pass "old code after the rollback" "hold payment queue"
	no_invariant_is_violated
}

find_before
run_tests
