# Sourced by up and scale: the settings that the user gave to `make up` or `make scale`. A later `make up` uses them again.
# shellcheck shell=bash
#
# RUN_DIR/given has a NAME=value line for each. `make up DEFAULTS=1` forgets all of them, and `NAME= make up` forgets one. The stacks
# of tests and benchmarks remember nothing, because a run must not depend on the run before.

# Prints the file for the RUN_DIR of the environment or of STACK_ENV, before the settings are loaded. Prints nothing for a stack of tests.
given_file() {
	local folder=${RUN_DIR:-}
	[[ -n $folder || -z ${STACK_ENV:-} ]] || folder=$(sed -n 's/^RUN_DIR=//p' "$LOCAL/$STACK_ENV.env" 2>/dev/null || true)
	: "${folder:=.run}"
	[[ $folder == /* ]] || folder=$ROOT/$folder
	is_test_folder "$folder" || echo "$folder/given"
}

# Runs before load_settings: takes the remembered settings that the environment does not have. Sets GIVEN to NAME=value lines of all
# settings that the user gave, now or before, and RECALLED to those from before.
recall_given() {
	local file line name
	GIVEN="" RECALLED=""
	for name in $(setting_names); do
		[[ $name == RUN_DIR || -z ${!name:-} ]] || GIVEN+="$name=${!name}"$'\n'
	done
	file=$(given_file)
	[[ -n $file && -r $file && -z ${DEFAULTS:-} ]] || return 0
	while IFS= read -r line; do
		name=${line%%=*}
		[[ -n ${SETTING_TYPE[$name]:-} && ! -v $name ]] || continue
		export "$name=${line#*=}"
		GIVEN+="$line"$'\n'
		RECALLED+="${RECALLED:+ }$line"
	done <"$file"
}

# save_given: keeps GIVEN for the next make up.
save_given() {
	local file
	file=$(given_file)
	[[ -n $file ]] || return 0
	printf '%s' "$GIVEN" >"$file.new"
	mv "$file.new" "$file"
}

# keep_given NAME VALUE: the next make up uses this value too.
keep_given() {
	local file
	file=$(given_file)
	[[ -n $file ]] || return 0
	{
		[[ ! -r $file ]] || grep -v "^$1=" "$file" || true
		echo "$1=$2"
	} >"$file.new"
	mv "$file.new" "$file"
}
