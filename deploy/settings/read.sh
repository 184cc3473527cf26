# Sourced by scripts that read settings: the table as arrays, and the checks of values. nginx/render uses it too, so it needs
# nothing else of the project.
# shellcheck shell=bash disable=SC2034 # the scripts that source this use the arrays

SETTINGS_TABLE=$(dirname "${BASH_SOURCE[0]}")/table
SETTING_NAMES=()
declare -A SETTING_SECTION SETTING_READERS SETTING_TYPE SETTING_VALUES SETTING_UNIT SETTING_DEFAULT SETTING_HELP

# Fills the arrays. Called once, at the end of this file.
read_setting_table() {
	local line name="" section="" fields field
	while IFS= read -r line; do
		case $line in
		'#'* | '') ;;
		'['*) section=${line:1:-1} ;;
		$'\t'*) SETTING_HELP[$name]+=${SETTING_HELP[$name]:+ }${line#$'\t'} ;;
		*)
			IFS='|' read -r -a fields <<<"$line"
			for field in "${!fields[@]}"; do
				read -r "fields[$field]" <<<"${fields[$field]}"
			done
			name=${fields[0]}
			SETTING_NAMES+=("$name")
			SETTING_SECTION[$name]=$section
			SETTING_READERS[$name]=${fields[1]}
			SETTING_TYPE[$name]=${fields[2]}
			SETTING_VALUES[$name]=${fields[3]}
			SETTING_UNIT[$name]=${fields[4]}
			SETTING_DEFAULT[$name]=${fields[5]:-}
			SETTING_HELP[$name]=
			;;
		esac
	done <"$SETTINGS_TABLE"
}

# is_network TEXT: an IPv4 or IPv6 address, or a network with its prefix length.
is_network() {
	local address=${1%%/*} bits=32 part
	if [[ $address == *:* ]]; then
		[[ $address =~ ^([0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}$ && $address != *::*::* && $address != *:::* ]] || return 1
		[[ $address == *::* || $address =~ ^([^:]+:){7}[^:]+$ ]] || return 1
		bits=128
	else
		[[ $address =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}$ ]] || return 1
		for part in ${address//./ }; do
			((10#$part <= 255)) || return 1
		done
	fi
	[[ $1 != */* ]] || { [[ ${1#*/} =~ ^[0-9]{1,3}$ ]] && ((10#${1#*/} <= bits)); }
}

# is_number NAME VALUE: a whole number in the setting's range.
is_number() {
	local range=${SETTING_VALUES[$1]%% *}
	[[ $2 =~ ^(0|[1-9][0-9]{0,9})$ ]] && (($2 >= ${range%-*} && $2 <= ${range#*-}))
}

# is_word VALUE WORDS: the value is one of the words.
is_word() { [[ $1 =~ ^[A-Za-z0-9]+$ && " $2 " == *" $1 "* ]]; }

# every FUNCTION LIST: FUNCTION accepts each word of the list.
every() {
	local words word
	[[ $2 != *[$'\n\r\t']* ]] || return 1
	read -ra words <<<"$2"
	for word in "${words[@]}"; do
		"$1" "$word" || return 1
	done
}

is_origin() { [[ $1 == '*' || $1 =~ ^https?://[]A-Za-z0-9.:[-]+$ ]]; }
is_upstream() { [[ $1 =~ ^[]A-Za-z0-9.:[_-]+:[0-9]{1,5}$ ]]; }

# setting_is_valid NAME [VALUE]: the value (of the variable NAME) is one that the table allows. No value is always allowed here:
# the reader knows whether it needs one. A value cannot end a directive of nginx and begin another.
setting_is_valid() {
	local value=${2-${!1:-}}
	[[ -n $value ]] || return 0
	case ${SETTING_TYPE[$1]} in
	number) is_number "$1" "$value" || is_word "$value" "${SETTING_VALUES[$1]#* }" ;;
	choice) is_word "$value" "${SETTING_VALUES[$1]}" ;;
	host) [[ $value =~ ^[A-Za-z0-9.:_-]+$ ]] ;;
	hosts) [[ $value =~ ^[A-Za-z0-9.:_-]+(,[A-Za-z0-9.:_-]+)*$ ]] ;;
	user) [[ $value =~ ^[a-z_][a-z0-9_-]*$ ]] ;;
	url) [[ $value =~ ^https?://[][A-Za-z0-9.:-]+(/[A-Za-z0-9/._~-]*)?$ ]] ;;
	path) [[ $value =~ ^/[^][:space:]\;{}\"\'$\\]*$ ]] ;;
	log) [[ $value == stderr || $value =~ ^/[A-Za-z0-9/._+@-]+$ ]] ;;
	origins) every is_origin "$value" ;;
	networks) every is_network "$value" ;;
	upstreams) every is_upstream "$value" ;;
	text | secret | file | folder) ;;
	*) return 1 ;;
	esac
}

# setting_form NAME: prints what a value must be, as in "'x' is not ...".
setting_form() {
	local values=${SETTING_VALUES[$1]} range
	case ${SETTING_TYPE[$1]} in
	number)
		range=${values%% *}
		printf 'a whole number from %s to %s' "${range%-*}" "${range#*-}"
		[[ $values != *' '* ]] || printf ', or %s' "${values#* }"
		;;
	choice) printf 'one of %s' "${values// /, }" ;;
	text) printf 'a text' ;;
	host) printf 'a host name or address' ;;
	hosts) printf 'host names or addresses, separated by commas' ;;
	user) printf "a user's name" ;;
	url) printf 'an http or https address' ;;
	path) printf 'an absolute path without spaces, quotes, ;, {, } or $' ;;
	log) printf 'an absolute path, or stderr' ;;
	origins) printf '*, or origins such as https://www.example.com, separated by spaces' ;;
	networks) printf 'addresses or networks such as 192.0.2.0/24, separated by spaces' ;;
	upstreams) printf 'host:port, separated by spaces' ;;
	secret) printf 'a file with at least %s bytes' "$values" ;;
	file) printf 'a file' ;;
	folder) printf 'a folder' ;;
	esac
}

# setting_range NAME: prints the allowed values for people: "1 to 64 connections", "on, off", "an absolute path".
setting_range() {
	local values=${SETTING_VALUES[$1]} range
	case ${SETTING_TYPE[$1]} in
	number)
		range=${values%% *}
		if [[ ${SETTING_UNIT[$1]} == port ]]; then
			printf '%s to %s' "${range%-*}" "${range#*-}"
		else
			printf '%s to %s %s' "$(thousands "${range%-*}")" "$(thousands "${range#*-}")" "${SETTING_UNIT[$1]}"
		fi
		[[ $values != *' '* ]] || printf ', or %s' "${values#* }"
		;;
	choice) printf '%s' "${values// /, }" ;;
	path) printf 'an absolute path' ;;
	origins) printf '* or web origins' ;;
	networks) printf 'addresses or networks' ;;
	upstreams) printf 'host:port, more than one possible' ;;
	*) setting_form "$1" ;;
	esac
}

# setting_default NAME: prints the default for people.
setting_default() {
	case ${SETTING_DEFAULT[$1]} in
	'') printf 'none' ;;
	[0-9][0-9][0-9][0-9]*)
		if [[ ${SETTING_UNIT[$1]} == port || ${SETTING_TYPE[$1]} != number ]]; then
			printf '%s' "${SETTING_DEFAULT[$1]}"
		else
			thousands "${SETTING_DEFAULT[$1]}"
		fi
		;;
	*) printf '%s' "${SETTING_DEFAULT[$1]}" ;;
	esac
}

# thousands NUMBER: prints it with commas, as the pages write numbers.
thousands() {
	sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"$1" | tr -d '\n'
}

read_setting_table
