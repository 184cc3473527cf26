# Sourced by restore and reconcile: reads the moments that the operator gives.
# shellcheck shell=bash

# moment NAME: prints the setting's value, such as 2026-11-30T02:00:00Z or with an offset, as seconds since 1970. Fails with a message
# if it is not a time. A time needs an offset, because without one it means different moments on different machines.
moment() {
	local form='^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})$'
	if ! [[ ${!1} =~ $form ]] || ! date -u -d "${!1}" +%s 2>/dev/null; then
		die "$1: '${!1}' is not a time such as 2026-11-30T02:00:00Z or 2026-11-30T11:00:00+09:00"
	fi
}

# utc SECONDS: prints seconds since 1970 as a time in UTC.
utc() {
	date -u -d "@$1" +%Y-%m-%dT%H:%M:%SZ
}
