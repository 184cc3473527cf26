#!/usr/bin/env bash
# shellcheck disable=SC2154 # variables of common.sh
# No service runs as root, and no secret is open to another user or service.
# shellcheck source=tests/stack/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

test_secrets_are_readable_by_their_owner_only() {
	is 'files others may read' "$(find "$RUN_DIR/secrets" -type f -perm /077)" ''
	is 'the folder' "$(stat -c %a "$RUN_DIR/secrets")" 700
	is 'secrets on command lines' "$(pgrep -af "$(cat "$RUN_DIR/secrets/jwt")|$(cat "$RUN_DIR/secrets/postgres")" |
		grep -v pgrep)" ''
}

# Checks all processes of the stack except supervisord, nginx's master, and the shells that start them.
test_services_and_stores_do_not_run_as_root() {
	local name parent pid bad=
	((EUID == 0)) || return 0
	for name in redis postgres $(programs | grep -e '-[0-9]$' -e toss); do
		parent=$("$RUN_DIR/ctl" pid "$name")
		for pid in "$parent" $(pgrep -P "$parent"); do
			[[ $(stat -c %U "/proc/$pid") != root ]] || bad+=" $name"
			[[ $name == redis || $name == postgres ]] ||
				grep -q '^CapBnd:[[:space:]]*0*$' "/proc/$pid/status" || bad+=" $name (capabilities)"
		done
	done
	for pid in $(pgrep -P "$("$RUN_DIR/ctl" pid gateway)" nginx); do
		[[ $(stat -c %U "/proc/$pid") != root ]] || bad+=" gateway"
	done
	[[ -z $bad ]] || fail "run as root, or with capabilities:$bad"
}

# family PID: prints the process and all that descend from it.
family() {
	local child
	echo "$1"
	for child in $(pgrep -P "$1"); do
		family "$child"
	done
}

# The processes of the stack that may run as root, and why. All else has an ordinary user.
#   supervisord            starts each program as its own user
#   the gateway's master   reads the certificate's key and gives its workers their user
#   run-gateway            rotates the gateway's logs, in a folder that only root may change
#   run-*, setpriv         for a moment, until they have become the program
root_may_run='supervisord -c |^nginx: master process |deploy/local/run-[a-z-]+|^setpriv |^sleep |nginx/rotate-logs'

# runners: prints the run-* of this stack that are no children of supervisord. Those of other suites' stacks, which may be starting, become
# other programs while they are looked at.
runners() {
	local pid
	for pid in $(pgrep -f "^bash $PWD/deploy/local/run-"); do
		! grep -qzxF "RUN_DIR=$RUN_DIR" "/proc/$pid/environ" 2>/dev/null || echo "$pid"
	done
}

test_only_listed_processes_run_as_root() {
	local pid arguments of_root=
	((EUID == 0)) || return 0
	for pid in $(family "$("$RUN_DIR/ctl" pid)") $(runners); do
		[[ $(stat -c %u "/proc/$pid" 2>/dev/null) == 0 ]] || continue
		arguments=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null) || continue
		[[ -n $arguments ]] || continue
		of_root+=$arguments
		[[ $arguments =~ $root_may_run ]] || fail "runs as root: $arguments"
	done
	# Control: root's processes were looked at.
	has 'processes of root' "$of_root" 'supervisord -c'
	has 'processes of root' "$of_root" 'nginx: master process'
}

# as_stranger COMMAND...: runs the command as another user. Only root can do that.
as_stranger() {
	setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
}

test_another_user_of_the_machine_reads_no_secret() {
	local file lines
	((EUID == 0)) || return 0
	for file in "$RUN_DIR"/secrets/* "$RUN_DIR"/redis-conf/* "$RUN_DIR"/services/*/* "$RUN_DIR"/tls/key.pem "$RUN_DIR"/redis/*; do
		! as_stranger test -r "$file" || fail "$file is readable"
	done
	has 'the answer of Redis' "$(as_stranger redis-cli -p "$REDIS_PORT" ZADD q:x:active 1 y 2>&1)" NOAUTH
	# Command lines of running processes contain no secret either.
	lines=$(as_stranger cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n')
	has 'the command lines' "$lines" "$RUN_DIR/supervisord.conf"
	for file in "$RUN_DIR"/secrets/*; do
		[[ $file == *.acl || $file == *.pgpass ]] || ! grep -qFf "$file" <<<"$lines" || fail "the secret $file is on a command line"
	done
}

test_service_has_no_secret_of_another_service() {
	((EUID == 0)) || return 0
	is 'of queue' "$(cd "$RUN_DIR/services/queue-0" && echo ./*_FILE)" './JWT_SECRET_FILE ./QUEUE_TOKEN_SECRET_FILE ./REDIS_PASSWORD_FILE'
	is 'of point' "$(cd "$RUN_DIR/services/point-0" && echo ./*_FILE)" \
		'./CARD_PROVIDER_SECRET_FILE ./JWT_SECRET_FILE ./REDIS_PASSWORD_FILE'
	[[ $(<"$RUN_DIR/services/point-0/REDIS_PASSWORD_FILE") != "$(<"$RUN_DIR/services/queue-0/REDIS_PASSWORD_FILE")" ]] ||
		fail 'point and queue have the same password'
}

run_tests
