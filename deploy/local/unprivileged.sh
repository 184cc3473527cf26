# Sourced by prepare, run-service and run-simulator: the users that the programs run as where root starts the stack. Only
# supervisord and the gateway's master process are root's then; the gateway's workers are GATEWAY_USER's.
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # as_user is the callers', and so is folder

# The services' and the card simulator's; PostgreSQL and Redis have those of their packages.
SERVICE_USER=concert

make_service_user() {
	((EUID == 0)) || return 0
	id "$SERVICE_USER" >/dev/null 2>&1 ||
		useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$SERVICE_USER"
}

# own_folder NAME USER: the folder RUN_DIR/NAME, for this user alone. A RUN_DIR that the user cannot reach (under /root,
# say) gets a link to a folder under /var/lib instead.
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

# own_file FILE NAME: copies it into $folder (the program's, of run-service) for the program's user alone. A copy that is there is
# replaced at once: a running program never reads half of it.
own_file() {
	install -m "${3:-400}" -o "$SERVICE_USER" -g "$SERVICE_USER" "$1" "$folder/$2.new"
	mv "$folder/$2.new" "$folder/$2"
}

# own_keys FROM: copies the public keys of this folder into $folder/keys, a link that changes at once to the new copy.
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

# refresh_copies SETTING: for root. The running services' copies of the secret or of the keys are made anew.
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

# become_unprivileged MODULE KORE: for root. Copies the program's files and secrets into $folder, so that it needs no other
# folder, points the settings at the copies, and sets as_user, which goes before its command.
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
