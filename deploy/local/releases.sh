# Sourced by the commands that start and replace services: keeps the releases of each service, and knows the release of each instance.
# shellcheck shell=bash
#
#	RUN_DIR/releases/payment/VERSION/      payment.so, kore, kore.conf, and their hash
#	RUN_DIR/releases/payment/current       the service's release (a link)
#	RUN_DIR/releases/payment/previous      the previous release, for ROLLBACK=1 (a link)
#	RUN_DIR/releases/payment/rollback      the release that ROLLBACK=1 brings back, until it has ended (a link)
#	RUN_DIR/releases/payment/instance-0    this instance's release (a link). It differs from `current` only in a deployment
#
# The services run from these folders and not from build/. So a build does not change a running system.

# The number of releases of a service that set_current keeps, besides those that a link names.
RELEASES_KEPT=5

# release_of SERVICE LINK: prints the version that the link names. Prints nothing without a link.
release_of() {
	readlink "$RUN_DIR/releases/$1/$2" || true
}

# point_release SERVICE LINK VERSION: makes the link name this version.
point_release() {
	local folder=$RUN_DIR/releases/$1
	ln -sfn "$3" "$folder/.$2.new"
	mv -T "$folder/.$2.new" "$folder/$2"
}

# release_files SERVICE FOLDER: sets so, kore and conf to the programs of a build folder or of a release.
release_files() {
	so=$2/$1.so kore=$2/kore conf=$2/kore.conf
	[[ ! -d $kore ]] || kore=$kore/kore
	[[ -e $conf ]] || conf=$ROOT/services/kore.conf
	[[ -r $so && -x $kore ]] || die "$2 has no $1.so and kore: make build makes them"
}

# programs_hash SERVICE FOLDER: prints a hash over the programs of a service.
programs_hash() {
	local so kore conf
	release_files "$@"
	cat "$so" "$kore" "$conf" | sha256sum | cut -d' ' -f1
}

# make_release SERVICE FOLDER: makes a release of the programs in the folder, unless one exists. Sets RELEASE to its version, from
# FOLDER/version (deploy/version). If the tree has uncommitted changes, the version ends with the hash of the programs.
make_release() {
	local service=$1 folder=$2 so kore conf hash version new releases=$RUN_DIR/releases/$1 known
	release_files "$service" "$folder"
	hash=$(programs_hash "$service" "$folder")
	if [[ -r $folder/version ]]; then
		version=$(<"$folder/version")
		[[ $version =~ ^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$ && ! $version =~ ^(current|previous|rollback|instance-.*)$ ]] ||
			die "$folder/version: '$version' is no version: at most 64 letters, digits and ._+-"
	else
		version=unversioned
	fi
	# The same programs are the same release. But after a commit, a release with "-dirty" in its version gets its proper version.
	for known in "$releases"/*/hash; do
		[[ -r $known && ! -L ${known%/hash} && $(<"$known") == "$hash" ]] || continue
		RELEASE=$(basename "${known%/hash}")
		[[ $RELEASE == *-dirty* && $version != *-dirty* ]] || return 0
	done
	if [[ $version == *-dirty || $version == unversioned || -e $releases/$version ]]; then
		version+=-${hash:0:8}
	fi
	new=$releases/.new
	rm -rf "$new"
	mkdir -p "$new"
	install -m 555 "$so" "$new/$service.so"
	install -m 555 "$kore" "$new/kore"
	install -m 444 "$conf" "$new/kore.conf"
	echo "$hash" >"$new/hash"
	mv -T "$new" "$releases/$version"
	RELEASE=$version
}

# set_current SERVICE VERSION: makes this version the service's release, and keeps the previous one for ROLLBACK=1. Removes the oldest.
set_current() {
	local service=$1 version=$2 current linked name
	current=$(release_of "$service" current)
	if [[ $current != "$version" ]]; then
		[[ -z $current ]] || point_release "$service" previous "$current"
		point_release "$service" current "$version"
	fi
	rm -f "$RUN_DIR/releases/$service/rollback"
	linked=" $(find "$RUN_DIR/releases/$service" -maxdepth 1 -type l -printf '%l ')"
	find "$RUN_DIR/releases/$service" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %f\n' | sort -rn | cut -d' ' -f2- |
		tail -n +$((RELEASES_KEPT + 1)) | while read -r name; do
		[[ $linked == *" $name "* ]] || rm -rf "$RUN_DIR/releases/$service/${name:?}"
	done
}

# instance_release SERVICE K: prints the version that instance K starts with.
instance_release() {
	local version
	version=$(release_of "$1" "instance-$2")
	[[ -n $version ]] || version=$(release_of "$1" current)
	echo "$version"
}

# has_mixed_releases SERVICE: returns true if an instance has another release than its service: a deployment was interrupted or has failed.
has_mixed_releases() {
	local link
	for link in "$RUN_DIR/releases/$1"/instance-*; do
		[[ ! -L $link || $(readlink "$link") == "$(release_of "$1" current)" ]] || return 0
	done
	return 1
}

# version_of NAME: prints the version that a running instance (payment-0) reports, or nothing.
version_of() {
	curl -fsS -m 20 "http://$(address_of "$1")/metrics" 2>/dev/null | sed -n 's/^build_info{.*version="\([^"]*\)".*/\1/p'
}
