# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Huge pages of 2 MiB for DPDK.

hugepages_free_mib() {
	local free
	free=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null) || free=0
	printf '%d\n' $((free * 2))
}

# ensure_hugepages MIB: at least so many MiB free, and hugetlbfs mounted. They stay
# reserved afterwards: the next run needs them again.
ensure_hugepages() {
	local want_mib=$1 free_mib sys=/sys/kernel/mm/hugepages/hugepages-2048kB total
	if [ ! -d "$sys" ]; then
		warn "this kernel has no 2 MiB huge pages; what needs them will say so"
		return 0
	fi
	free_mib=$(hugepages_free_mib)
	if [ "$free_mib" -lt "$want_mib" ]; then
		total=$(($(cat "$sys/nr_hugepages") + (want_mib - free_mib) / 2))
		say "reserving huge pages: $total of 2 MiB (to give them back:" \
			"sysctl vm.nr_hugepages=0)"
		reserve_hugepages "$total"
		free_mib=$(hugepages_free_mib)
		[ "$free_mib" -ge "$want_mib" ] ||
			warn "only $free_mib of $want_mib MiB of huge pages could be had:" \
				"memory is short or fragmented; close programs or reboot"
	fi
	if ! grep -q ' hugetlbfs ' /proc/mounts; then
		say "mounting hugetlbfs at /dev/hugepages"
		try as_root mkdir -p /dev/hugepages
		as_root mount -t hugetlbfs hugetlbfs /dev/hugepages ||
			warn "could not mount hugetlbfs; DPDK falls back to anonymous huge pages" \
				"only with --in-memory"
	fi
}

# A busy machine has too few contiguous 2 MiB blocks at first: compact and ask again.
reserve_hugepages() {
	local total=$1 attempt
	for attempt in 1 2 3; do
		as_root sysctl -q -w "vm.nr_hugepages=$total" || return 0
		[ "$(cat /proc/sys/vm/nr_hugepages)" -lt "$total" ] || return 0
		[ "$attempt" -lt 3 ] || return 0
		as_root sysctl -q -w vm.compact_memory=1 || return 0
	done
}
