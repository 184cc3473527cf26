# Sourced by prepare, run-service and run-simulator: the users of the programs, if root starts the stack. Then only supervisord and the
# gateway's master process run as root. The gateway's workers run as GATEWAY_USER.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # the callers read as_user and set folder

# The user of the services and of the card simulator. PostgreSQL and Redis run as the users of their packages.
SERVICE_USER=concert

make_service_user() {
	local why try
	((EUID == 0)) || return 0
	# Another program may be changing the users at the same moment: another stack, or a package that is being installed.
	for ((try = 0; try < 30; try++)); do
		! id "$SERVICE_USER" >/dev/null 2>&1 || return 0
		! why=$(useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$SERVICE_USER" 2>&1) || return 0
		sleep 1
	done
	echo "cannot make the user $SERVICE_USER: $why" >&2
	return 1
}

# own_folder NAME USER: makes the folder RUN_DIR/NAME, which only this user can use. If the user cannot reach RUN_DIR (under /root, for
# example), RUN_DIR/NAME is a link to a folder under /var/lib.
own_folder() {
	local name=$1 user=$2 outside
	if ((EUID != 0)); then
		mkdir -p "$RUN_DIR/$name"
		chmod 700 "$RUN_DIR/$name"
		return
	fi
	if [[ ! -L $RUN_DIR/$name ]] && ! (cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups test -x "$RUN_DIR"); then
		outside=/var/lib/concert-$(sha256sum <<<"$RUN_DIR" | cut -c1-12)-$name
		echo "    the user $user cannot reach $RUN_DIR: its folder $name is $outside"
		rm -rf "$outside"
		if [[ -d $RUN_DIR/$name ]]; then
			mv "$RUN_DIR/$name" "$outside"
		else
			mkdir "$outside"
		fi
		ln -sfn "$outside" "$RUN_DIR/$name"
	fi
	mkdir -p "$RUN_DIR/$name/"
	chmod 700 "$RUN_DIR/$name/"
	chown -R "$user:" "$RUN_DIR/$name/"
}

# own_file FILE NAME: copies the file into $folder (the program's folder), for the program's user alone. It replaces an earlier copy in
# one step, so a running program never reads half of it.
own_file() {
	install -m "${3:-400}" -o "$SERVICE_USER" -g "$SERVICE_USER" "$1" "$folder/$2.new"
	mv "$folder/$2.new" "$folder/$2"
}

# own_keys FROM: copies the public keys of this folder, and makes the link $folder/keys name the new copy in one step.
own_keys() {
	local key old new
	old=$(readlink "$folder/keys" || true)
	new=keys.1
	[[ $old != keys.1 ]] || new=keys.2
	rm -rf "${folder:?}/$new"
	install -d -m 500 -o "$SERVICE_USER" "$folder/$new"
	for key in "$1"/*.pem; do
		own_file "$key" "$new/${key##*/}"
	done
	[[ -L $folder/keys ]] || rm -rf "$folder/keys"
	ln -sfn "$new" "$folder/keys.new"
	mv -T "$folder/keys.new" "$folder/keys"
}

# refresh_copies SETTING: if root runs the stack, makes new copies of the secret or of the keys for the running services.
refresh_copies() {
	local name=$1 copy folder from=${!1}
	((EUID == 0)) || return 0
	[[ $name != JWT_KEYS_DIR ]] || name=keys
	for copy in "$RUN_DIR"/services/*/"$name"; do
		[[ -e $copy ]] || continue
		folder=${copy%/*}
		if [[ $name == keys ]]; then
			own_keys "$from"
		else
			own_file "$from" "$name"
		fi
	done
}

# become_unprivileged MODULE KORE: for root. Copies the program's files and secrets into $folder, makes the settings name the copies,
# and sets as_user, the prefix of the program's command. So the program needs no other folder.
become_unprivileged() {
	local name
	own_file "$2" kore 500
	own_file "$1" "${1##*/}" 500
	export SO=$folder/${1##*/}
	for name in JWT_SECRET_FILE QUEUE_TOKEN_SECRET_FILE CARD_PROVIDER_SECRET_FILE REDIS_PASSWORD_FILE; do
		[[ -n ${!name:-} ]] || continue
		own_file "${!name}" "$name"
		export "$name=$folder/$name"
	done
	if [[ -n ${JWT_KEYS_DIR:-} ]]; then
		own_keys "$JWT_KEYS_DIR"
		export JWT_KEYS_DIR=$folder/keys
	fi
	as_user=(setpriv "--reuid=$SERVICE_USER" "--regid=$SERVICE_USER" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all)
}
