#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# s390x-sysroot.sh DIR: what the unit tests need of Debian's s390x packages (cmocka),
# unpacked under DIR, with a pkg-config directory DIR/lib/pkgconfig for
# tests/support/s390x.cross. Nothing is installed, and the machine's own package lists,
# architectures and caches are neither read nor changed: apt gets a state of its own under
# DIR and the machine's configured sources. Doing it again does nothing.
set -euo pipefail

PACKAGES=(libcmocka0 libcmocka-dev)

if [ $# -ne 1 ]; then
	echo "usage: $0 DIR" >&2
	exit 2
fi
mkdir -p -- "$1"
dir=$(cd -- "$1" && pwd)
stamp=$dir/complete

if [ "$(cat "$stamp" 2>/dev/null)" = "${PACKAGES[*]} $dir" ]; then
	exit 0
fi

apt=$dir/apt
rm -rf -- "$apt" "$dir/root" "${dir:?}/lib" "$stamp"
mkdir -p -- "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/packages" \
	"$dir/root" "$dir/lib/pkgconfig"

fail() {
	[ ! -f "$apt/log" ] || cat -- "$apt/log" >&2
	echo "$0: $*" >&2
	exit 1
}

# The machine's configuration (proxies, keys) without its hooks, which would act on the
# machine, and with everything that apt writes under DIR. apt's sandbox user could not write
# there, and need not: packages are only unpacked.
apt-config dump >"$apt/dump" || fail "apt-config dump failed"
{
	grep -Ev -e '^(DPkg|APT::Update)::P(re|ost)-' -e '^APT::Architecture' \
		-e '^Dir::(State|Cache|Log|Etc::(main|parts))' "$apt/dump"
	cat <<-CONF
		Dir::State "$apt/state";
		Dir::State::status "/dev/null";
		Dir::Cache "$apt/cache";
		Dir::Log "$apt";
		Dir::Etc::main "/dev/null";
		Dir::Etc::parts "$apt/no-parts";
		APT::Architecture "s390x";
		APT::Architectures { "s390x"; };
		APT::Sandbox::User "";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
} >"$apt/conf"
export APT_CONFIG=$apt/conf

# A configured source that knows nothing of s390x does not matter: the download tells.
apt-get update >"$apt/log" 2>&1 ||
	echo "$0: warning: not every package list could be had" >&2
(cd -- "$apt/packages" && apt-get download "${PACKAGES[@]}") >>"$apt/log" 2>&1 ||
	fail "apt-get download ${PACKAGES[*]} (s390x) failed"

for package in "$apt"/packages/*.deb; do
	dpkg-deb -x "$package" "$dir/root" || fail "dpkg-deb -x $package failed"
done

# The packaged file names /usr: the same with the paths under DIR, and a run path, because
# the tests run from the build directory under qemu-user.
libdir=$dir/root/usr/lib/s390x-linux-gnu
packaged=$libdir/pkgconfig/cmocka.pc
[ -f "$packaged" ] || fail "$packaged is missing"
[ -e "$libdir/libcmocka.so" ] || fail "$libdir/libcmocka.so is missing or dangling"
sed -e "s|/usr\\b|$dir/root/usr|g" -e "s|^Libs:.*|& -Wl,-rpath,$libdir|" "$packaged" \
	>"$dir/lib/pkgconfig/cmocka.pc"

rm -rf -- "$apt"
printf '%s\n' "${PACKAGES[*]} $dir" >"$stamp"
