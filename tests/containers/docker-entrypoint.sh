#!/bin/bash
# Entry point of stores.Dockerfile: does the part of the official images' entry points that docker-compose.yml relies on.
set -euo pipefail

as() { # as USER COMMAND...
	exec setpriv --reuid="$1" --regid="$1" --init-groups "${@:2}"
}

make_cluster() {
	local arguments
	read -ra arguments <<<"$POSTGRES_INITDB_ARGS"
	install -m 400 -o postgres "$POSTGRES_PASSWORD_FILE" /run/password
	(as postgres initdb -D "$data" -U postgres --pwfile=/run/password "${arguments[@]}")
	rm /run/password
	echo 'host all all all scram-sha-256' >>"$data/pg_hba.conf"
	echo "CREATE DATABASE $POSTGRES_DB" | (as postgres postgres --single -D "$data" postgres)
}

case $1 in
postgres)
	data=/var/lib/postgresql/data
	chown postgres: "$data"
	chmod 700 "$data"
	[[ -s $data/PG_VERSION ]] || make_cluster
	as postgres postgres -D "$data" -c listen_addresses='*' "${@:2}"
	;;
redis-server)
	chown redis: /data
	cd /data
	as redis redis-server "${@:2}" --protected-mode no
	;;
esac
