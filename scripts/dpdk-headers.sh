# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# DPDK's driver headers. Debian's libdpdk-dev leaves them out, and a driver outside of
# DPDK's tree needs them. They must be of exactly the installed version, because they
# describe internal structures; so they are taken from the matching source package, of which
# nothing is compiled.

# From the source tree; each is included by its name alone.
DPDK_DRIVER_HEADERS=(
	lib/eal/include/bus_driver.h
	lib/eal/include/dev_driver.h
	lib/ethdev/ethdev_driver.h
	lib/ethdev/ethdev_pci.h
	lib/ethdev/ethdev_vdev.h
	drivers/bus/pci/bus_pci_driver.h
	drivers/bus/vdev/bus_vdev_driver.h
)

# dpdk_headers_dir: where they are, or nothing where DPDK is not installed.
dpdk_headers_dir() {
	local version
	version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev 2>/dev/null) || return 0
	# An epoch's colon has no place in an include path.
	printf '%s\n' "$VVU_ROOT/build/dpdk-headers-${version//:/_}"
}

# ensure_dpdk_headers: fetch them once per installed version.
ensure_dpdk_headers() {
	local version dir work
	version=$(dpkg-query -W -f '${source:Version}' libdpdk-dev)
	dir=$(dpdk_headers_dir)
	# The directory gets its name last, so it is complete if it is there.
	[ ! -d "$dir" ] || return 0
	work=$VVU_ROOT/build/dpdk-source
	say "fetching the driver headers of DPDK $version (source package, no compile)"
	try rm -rf -- "$work" "$dir.tmp"
	try mkdir -p "$work" "$dir.tmp"
	fetch_dpdk_source "$version" "$work"
	unpack_dpdk_headers "$work" "$dir.tmp"
	try mv -- "$dir.tmp" "$dir"
	try rm -rf -- "$work"
}

# private_apt WORK ARGUMENT...: apt-get with the machine's configuration, keys and mirrors,
# but with source lists, indexes and downloads below WORK.
private_apt() {
	local work=$1
	shift
	apt-get -q \
		-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/sources.list.d" \
		-o Dir::State::Lists="$work/lists" -o Dir::Cache="$work/cache" \
		-o APT::Sandbox::User= -o APT::Get::List-Cleanup=false "$@"
}

# source_entries DIR: write the machine's package sources to DIR as source-package entries.
# A source that has binaries only makes the update below complain, and does no harm.
source_entries() {
	local dir=$1 list parts=/etc/apt/sources.list.d main=/etc/apt/sources.list
	# Where apt itself reads them from, if that was changed.
	eval "$(apt-config shell parts Dir::Etc::sourceparts/d main Dir::Etc::sourcelist/f)"
	try mkdir -p "$dir"
	for list in "$main" "${parts%/}"/*.list; do
		[ -f "$list" ] || continue
		# deb [options] URI suite components -> deb-src ...
		sed -En 's/^[[:space:]]*deb([[:space:]]+)/deb-src\1/p' "$list" \
			>"$dir/$(basename "$list" .list).list"
	done
	for list in "${parts%/}"/*.sources; do
		[ -f "$list" ] || continue
		sed -E 's/^[Tt][Yy][Pp][Ee][Ss]:.*/Types: deb-src/' "$list" \
			>"$dir/$(basename "$list")"
	done
}

fetch_dpdk_source() {
	local version=$1 work=$2
	source_entries "$work/sources.list.d"
	try mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/download"
	private_apt "$work" update >"$work/log" 2>&1 || true
	if ! (cd "$work/download" &&
		private_apt "$work" source --download-only "dpdk=$version") >>"$work/log" 2>&1; then
		cat "$work/log" >&2
		die "this command failed: apt-get source --download-only dpdk=$version" \
			"(if the archive has moved on, upgrade DPDK to what it has now:" \
			"apt-get update && apt-get install libdpdk-dev dpdk dpdk-dev)"
	fi
}

unpack_dpdk_headers() {
	local work=$1 dir=$2 header
	# apt has verified the files against the signed index; --no-check skips the
	# uploader's signature, whose keyring need not be installed.
	try dpkg-source --no-check -q -x "$work"/download/*.dsc "$work/tree" >"$work/unpack.log"
	for header in "${DPDK_DRIVER_HEADERS[@]}"; do
		try cp -- "$work/tree/$header" "$dir/"
	done
}
