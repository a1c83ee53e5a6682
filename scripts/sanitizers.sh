# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The builds that only tests use: sanitizers, fuzzers, a big-endian machine.

# An undefined-behaviour report ends the process, whoever starts it.
NO_RECOVER=-fno-sanitize-recover=all

# With DPDK: the matrix of the benchmark also runs with a driver that is checked.
build_asan() {
	ensure_dpdk_headers
	build asan -Ddpdk=enabled "-Ddpdk_driver_headers=$(dpdk_headers_dir)" \
		-Db_sanitize=address,undefined "-Dc_args=$NO_RECOVER"
}

# gcc warns that it does not follow fences; the rings need them, the tests do not rely on
# them between two threads.
build_tsan() {
	build tsan -Ddpdk=disabled -Db_sanitize=thread -Dc_args=-Wno-tsan
}

# libFuzzer is part of clang, which does not link its sanitizer runtime into shared
# objects: no check for undefined symbols there.
build_fuzz() {
	build fuzz CC=clang -Dfuzz=true -Dtests=disabled -Ddpdk=disabled \
		-Db_sanitize=address,undefined -Db_lundef=false "-Dc_args=$NO_RECOVER"
}

# The little-endian wire exists for hosts of the other byte order, so the unit tests of
# lib/ run on one: compiled for s390x, executed by qemu-user.
build_s390x() {
	local sysroot=$VVU_ROOT/build/s390x-sysroot
	try tests/support/s390x-sysroot.sh "$sysroot"
	build s390x "PKG_CONFIG_LIBDIR=$sysroot/lib/pkgconfig" -Ddpdk=disabled \
		-Dstorage=disabled -Dnbd=disabled -Discsi=disabled \
		--cross-file tests/support/s390x.cross
}
