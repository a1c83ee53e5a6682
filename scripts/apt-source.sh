# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian packages that are unpacked below build/ and not installed: from the mirrors that the
# machine's apt is configured with, verified with its keys, without a change to its state.

# private_apt DIR COMMAND ARGUMENT...: apt-get or apt-cache with the machine's configuration,
# but with source lists, indexes and downloads below DIR.
private_apt() {
	local dir=$1 command=$2
	shift 2
	"$command" -q \
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$dir/sources.list.d" \
		-o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" \
		-o Acquire::Languages=none -o Acquire::Retries=3 \
		-o APT::Sandbox::User= -o APT::Get::List-Cleanup=false "$@"
}

# private_apt_update DIR TYPES [SUITE]: the indexes of the machine's package sources, of the
# types "deb", "deb-src" or both; of another SUITE of Debian than the machine's if it is named.
# The log is DIR/log; that an index was not to be had shows when something is not found.
private_apt_update() {
	local dir=$1
	private_apt_sources "$dir/sources.list.d" "$2" "${3:-}"
	try mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
	private_apt "$dir" apt-get update >"$dir/log" 2>&1 || true
}

# A source that has binaries only, or is not Debian's and lacks the suite, makes the update
# complain, and does no harm.
private_apt_sources() {
	local dir=$1 types=$2 suite=$3 list type parts=/etc/apt/sources.list.d
	local main=/etc/apt/sources.list
	# Where apt itself reads them from, if that was changed.
	eval "$(apt-config shell parts Dir::Etc::sourceparts/d main Dir::Etc::sourcelist/f)"
	try mkdir -p "$dir"
	for list in "$main" "${parts%/}"/*.list; do
		[ -f "$list" ] || continue
		# deb [options] URI suite components -> TYPE ...
		for type in $types; do
			sed -En "s/^[[:space:]]*deb([[:space:]]+)/$type\1/p" "$list"
		done | in_suite "$suite" >"$dir/$(basename "$list" .list).list"
	done
	for list in "${parts%/}"/*.sources; do
		[ -f "$list" ] || continue
		sed -E "s/^[Tt][Yy][Pp][Ee][Ss]:.*/Types: $types/" "$list" |
			in_suite "$suite" >"$dir/$(basename "$list")"
	done
}

# in_suite SUITE: package sources from stdin, those of the machine's own suite (and its
# -updates and -security) as those of SUITE; a suite is a word of its own in both formats.
in_suite() {
	local suite=$1 own start='(^|[[:space:]])' end='([[:space:]]|$)'
	if [ -z "$suite" ]; then
		cat
		return
	fi
	own=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-stable}")
	sed -E -e ':again' \
		-e "s/$start($own|oldstable|stable)(-updates|-security)?$end/\1\n\3\4/" \
		-e 't again' -e "s/\n/$suite/g"
}
