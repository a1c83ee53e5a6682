# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# DPDK's driver headers. Debian's libdpdk-dev leaves them out, and a driver outside of
# DPDK's tree needs them. They must be of exactly the installed version, because they
# describe internal structures; so they are taken from the matching source package, of which
# nothing is compiled.

use apt-source

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

fetch_dpdk_source() {
	local version=$1 work=$2
	private_apt_update "$work" deb-src
	try mkdir -p "$work/download"
	if ! (cd "$work/download" &&
		private_apt "$work" apt-get source --download-only "dpdk=$version") \
		>>"$work/log" 2>&1; then
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
