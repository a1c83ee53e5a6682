# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# Debian packages. Nothing is touched, and apt-get is not called, where none is missing.

# One list per need. docs/dependencies.md says what each is for.
PACKAGES_BUILD=(meson ninja-build pkg-config gcc libc6-dev libdpdk-dev dpdk dpdk-dev libnuma-dev
	libcmocka-dev dpkg-dev python3 procps util-linux liburing-dev libjansson-dev libnbd-dev
	libiscsi-dev libseccomp-dev libcap-ng-dev libsystemd-dev)
PACKAGES_TEST=(python3-pytest python3-pytest-timeout clang clang-format codespell
	shellcheck git gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user qemu-system-x86
	busybox-static cpio strace nbdkit tgt qemu-system-common fio)
PACKAGES_QEMU=(gcc libc6-dev ninja-build pkg-config libglib2.0-dev zlib1g-dev python3-venv git perl
	xz-utils seabios qemu-system-data)
PACKAGES_VM=(qemu-system-x86 busybox-static kmod zstd dash coreutils iproute2 ethtool iperf3
	tcpdump strace pciutils dpdk dpdk-dev libgcc-s1 dpkg apt tgt ibverbs-providers)
# To build libiscsi, where the distribution's is too old for iSER.
PACKAGES_LIBISCSI=(gcc libc6-dev make autoconf automake libtool pkg-config librdmacm-dev
	libibverbs-dev)
PACKAGES_DEMO=(qemu-system-x86 busybox-static kmod zstd dpkg apt fio)
# What guests that have disks are made of, in the embedded tier and in the vm tier.
PACKAGES_DISKS=(fio sg3-utils libiscsi-bin fdisk e2fsprogs util-linux kmod zstd dash coreutils
	qemu-system-common)
PACKAGES_BENCH=(valgrind linux-perf qemu-system-common fio)
PACKAGES_DOCS=(python3 python3-sphinx python3-myst-parser)

# missing_packages NAME...: those that are not installed, one per line.
missing_packages() {
	local package status
	for package in "$@"; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
		[ "$status" = installed ] || printf '%s\n' "$package"
	done
}

install_packages() {
	local missing
	mapfile -t missing < <(missing_packages "$@")
	[ ${#missing[@]} -gt 0 ] || return 0
	command -v apt-get >/dev/null || die "not a Debian system; install by hand: ${missing[*]}"
	say "installing Debian packages: ${missing[*]}"
	# Package lists may be absent (containers) or too old to find a file by.
	quietly apt-update as_root apt-get update -q
	say "downloading and installing; the log is build/log/apt-install.log"
	quietly apt-install as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
		--no-install-recommends "${missing[@]}"
}

# The sanitizer and fuzzer runtime of the distribution's clang; its package carries
# clang's version in its name.
install_clang_runtime() {
	local clang
	clang=$(dpkg-query -W -f '${Depends}' clang | grep -o 'clang-[0-9]\+' | head -n 1)
	install_packages "libclang-rt-${clang#clang-}-dev"
}

setup_build() {
	install_packages "${PACKAGES_BUILD[@]}"
}

setup_test() {
	install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_TEST[@]}" "${PACKAGES_DISKS[@]}"
	install_clang_runtime
}

setup_qemu() {
	install_packages "${PACKAGES_QEMU[@]}"
}

# Two VMs: what to build QEMU with, and what the guests are made of.
setup_vm() {
	install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_QEMU[@]}" "${PACKAGES_VM[@]}" \
		"${PACKAGES_DISKS[@]}"
}

setup_libiscsi() {
	install_packages "${PACKAGES_LIBISCSI[@]}"
}

# A VM with a disk; its kernel comes out of a package that is not installed.
setup_demo() {
	install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_DEMO[@]}"
}

setup_bench() {
	install_packages "${PACKAGES_BUILD[@]}" "${PACKAGES_BENCH[@]}"
}

setup_docs() {
	install_packages "${PACKAGES_DOCS[@]}"
}
