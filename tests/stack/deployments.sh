# Sourced by tests/stack/run: what systemd, Kubernetes and the images are told. None of them runs here.
# shellcheck shell=bash disable=SC2013,SC2016,SC2154 # $said is the runner's; COPY has no blanks in its names

test_units_are_exposed_at_most_2_0() {
	local unit
	for unit in deploy/systemd/*.service; do
		said=$(systemd-analyze security --offline=true --threshold=20 "$PWD/$unit" 2>&1) || fail "$unit: $(tail -n 1 <<<"$said")"
		grep -q '^User=' "$unit" || fail "$unit runs as root"
	done
}

test_pods_keep_to_the_restricted_profile() {
	said=$(tests/stack/check-pods deploy/k8s/*.yaml 2>&1) || fail "$said"
	# The check finds what it looks for.
	sed 's/runAsNonRoot: true/runAsNonRoot: false/; s/concert-point/concert-payment/' deploy/k8s/point.yaml >"$work/point.yaml"
	said=$(tests/stack/check-pods deploy/k8s/payment.yaml "$work/point.yaml" 2>&1) && fail "nothing was found"
	has 'the faults' "$said" 'point: runAsNonRoot is not true'
	has 'the faults' "$said" 'point: has the secret of payment'
}

# No production configuration has a setting of development.
test_guides_have_no_development_settings() {
	local file
	for file in deploy/systemd/README.md deploy/k8s/*; do
		! grep -nE 'ENVIRONMENT: *development|ENVIRONMENT=development|HS256|CHARGE_FUNDING.*trusted|URL.*http://' "$file" || fail "$file"
	done
	grep -q 'ENVIRONMENT: production' deploy/k8s/config.yaml || fail "deploy/k8s/config.yaml: no ENVIRONMENT"
}

test_images_do_not_run_as_root() {
	local file user
	for file in services/*/Dockerfile deploy/simulator/Dockerfile deploy/docker/*.Dockerfile nginx/Dockerfile; do
		user=$(sed -n 's/^USER //p' "$file" | tail -n 1)
		[[ $user =~ ^[1-9][0-9]*$ ]] || fail "$file: USER '$user' is no number above 0"
		# The base is an argument, so that a build can name its digest.
		! grep '^FROM ' "$file" | grep -qv '^FROM $DEBIAN' || fail "$file: a base that no argument names"
	done
}

# The build's context has all files that a Dockerfile copies.
test_images_can_be_built_from_the_context() {
	local file part allowed ok
	mapfile -t allowed < <(sed -n 's/^!//p' .dockerignore)
	for file in services/*/Dockerfile deploy/simulator/Dockerfile deploy/docker/*.Dockerfile; do
		for part in $(grep '^COPY' "$file" | grep -v -e --from | sed 's/^COPY //; s/ [^ ]*$//'); do
			[[ -e $part ]] || fail "$file copies $part, which is not there"
			ok=no
			for name in "${allowed[@]}"; do
				[[ $part != "$name" && $part != "$name"/* ]] || ok=yes
			done
			[[ $ok == yes ]] || fail "$file copies $part, which .dockerignore leaves out"
		done
	done
}
