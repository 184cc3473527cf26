# Sourced by `tests/ha/run long`: the scenarios that take longer. Each is a function as in scenarios.sh.
# shellcheck shell=bash disable=SC2154 # variables of run

# Segments that the dead primary had not archived are archived by the next one, so a restore can go beyond the death.
scenario_archive_has_no_gap_after_the_death_of_the_primary() {
	local machine archiver
	: >"$work/found"
	deploy/local/backup >"$work/backup.log" 2>&1 || cat "$work/backup.log" >>"$work/found"
	machine=$(primary)
	archiver=$(pgrep -P "$(heads_of "$machine" | tail -n 1)" -f archiver)
	kill -STOP "$archiver"
	for _ in 1 2 3; do
		sql -c "SELECT pg_logical_emit_message(false, 'ha', 'a record')" -c "SELECT pg_switch_wal()" -c "SELECT pg_current_xact_id()" >/dev/null
	done
	machine_dies "$machine"
	wait_for "$target_seconds" answers postgres
	wait_for 60 archive_is_whole
	machine_comes_back "$machine"
	whole
}

# The numbers of the archived segments have no gap, and the newest is that of now.
archive_is_whole() {
	(
		# shellcheck source=deploy/local/cluster.sh
		source deploy/local/cluster.sh
		find_cluster
		id=$(pgbackrest repo-ls "archive/$STANZA" | grep -E '^[0-9]+-[0-9]+$' | sort -V | tail -n 1)
		newest=$(sql -c "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 9) FROM pg_logical_emit_message(false, 'ha', 'a record')" -c "SELECT pg_switch_wal()" | head -n 1)
		last=
		while read -r segment; do
			# 256 segments have the same first eight digits.
			number=$((16#${segment:0:8} * 256 + 16#${segment:8}))
			[[ -z $last ]] || ((number == last + 1)) || exit 1
			last=$number
		done < <(for part in $(pgbackrest repo-ls "archive/$STANZA/$id" | grep -E '^[0-9A-F]{16}$'); do
			pgbackrest repo-ls "archive/$STANZA/$id/$part" | grep -vE 'backup|partial' | cut -c9-24
		done | sort -u)
		[[ -n $last ]] && ((last >= 16#${newest:0:8} * 256 + 16#${newest:8} - 1))
	)
}
