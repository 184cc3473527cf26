#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# The previous version runs with the new schema, beside the new version, and after a rollback. `make test-deploy` runs this.
#
# The previous version is BEFORE=commit, or else the commit before the last change of migrations/. The test builds it in build/before,
# and checks it with its own HTTP tests and the journey.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../stack/common.sh"
# shellcheck source=deploy/local/releases.sh
source deploy/local/releases.sh
# shellcheck source=deploy/local/roll.sh
source deploy/local/roll.sh

before_tree=$ROOT/build/before
# The tests of holds, payments and points; not those that restart or change programs.
BEFORE_TESTS=${BEFORE_TESTS:-hold}

skip_all() {
	echo "1..0 # SKIP $*"
	exit 0
}

# Builds the previous version, with its tests.
build_before() {
	local commit=${BEFORE:-} changed
	[[ -e .git ]] || skip_all "this is no git clone, so there is no version before"
	if [[ -z $commit ]]; then
		changed=$(git log -1 --format=%H -- migrations)
		commit=$(git rev-parse -q --verify "$changed^" 2>/dev/null) ||
			skip_all "this clone has no history before the last change of migrations/ (git fetch --unshallow), so there is no version before"
	fi
	commit=$(git rev-parse -q --verify "$commit^{commit}") || skip_all "BEFORE: there is no commit '$BEFORE' in this clone"
	echo "# the version before: $(git log -1 --format='%h %s' "$commit")"
	if [[ $(git -C "$before_tree" rev-parse HEAD 2>/dev/null) != "$commit" ]]; then
		git worktree remove --force "$before_tree" 2>/dev/null
		rm -rf "$before_tree"
		git worktree prune
		git worktree add --quiet --detach "$before_tree" "$commit" || skip_all "git worktree add failed"
	fi
	if ! make -C "$before_tree" --no-print-directory -s build-tests SUITES=http >"$work/build.log" 2>&1; then
		tail -n 20 "$work/build.log"
		echo "Bail out! the version before does not build"
		exit 1
	fi
	mkdir -p "$work/before"
	cp "$before_tree"/build/{queue,reservation,payment,point}.so "$before_tree/build/kore/kore" "$before_tree/services/kore.conf" "$work/before/"
	echo "before-$(git rev-parse --short "$commit")" >"$work/before/version"
}

# Checks that clients are served: runs the journey, and the old version's own tests.
clients_are_served() {
	local i
	for ((i = 0; i < 3; i++)); do
		said=$(deploy/local/journey 2>&1) || fail "$1: the journey failed: $(tail -n 5 <<<"$said")"
	done
	said=$(cd "$before_tree" && T=$BEFORE_TESTS prove --verbose --exec "$ROOT/tests/lib/criterion" "$before_tree/build/tests/http" :: -j2 2>&1) ||
		fail "$1: tests of the version before failed: $(grep -A3 '^not ok' <<<"$said" | head -n 12)"
}

deploy_all() {
	local service
	for service in "${SERVICES[@]}"; do
		said=$(deploy/local/deploy "$service" "$@" 2>&1) || fail "deploy $service $*: $said"
	done
	use_running_settings
}

tear_down_file() {
	local service
	[[ -d $work/before ]] || return 0
	for service in "${SERVICES[@]}"; do
		deploy/local/scale "$service" 1 >/dev/null 2>&1
		deploy/local/deploy "$service" --from "$BUILD_DIR" >/dev/null 2>&1
	done
}

test_version_before_works_with_the_new_schema() {
	deploy_all --from "$work/before"
	is 'the version' "$(release_of payment current)" "$(<"$work/before/version")"
	clients_are_served "old code"
}

test_both_versions_work_side_by_side() {
	local service
	for service in "${SERVICES[@]}"; do
		make_release "$service" "$BUILD_DIR"
		said=$(deploy/local/scale "$service" 2 2>&1) || fail "scale $service: $said"
		use_running_settings
		restart_instance "$service" 1 "$RELEASE" || fail "$WHY"
	done
	is 'the versions of payment' "$(instance_release payment 0) $(instance_release payment 1)" "$(<"$work/before/version") $RELEASE"
	clients_are_served "one old and one new instance"
}

test_rollback_after_the_new_version_works() {
	deploy_all --from "$BUILD_DIR"
	clients_are_served "new code"
	deploy_all --rollback
	is 'the version' "$(release_of payment current)" "$(<"$work/before/version")"
	clients_are_served "old code after the rollback"
}

build_before
run_tests
