# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# QEMU with the series of qemu-patches/: Debian's source package, of which Debian's own patches
# are not applied, and a build with little but what a test bed needs. All is below build/qemu:
# src is a git repository (qemu-patches/series.py), build the build.

use apt-source

# The series is for this release of QEMU, and this suite of Debian has it.
QEMU_SERIES=10.0
QEMU_SUITE=trixie
NINJA=/usr/bin/ninja
QEMU_DIR=$VVU_ROOT/build/qemu
# QEMU's build wants a newer meson than Debian 12 has, and a Python module that Debian 12 lacks.
QEMU_PYTHON_PACKAGES=(meson python3-pycotap)
QEMU_PYTHON_PATH=$QEMU_DIR/python/usr/lib/python3/dist-packages
# The firmware is that of Debian's packages, and nothing is fetched during the build.
QEMU_CONFIGURE=("--python=$PYTHON" --target-list=x86_64-softmmu --without-default-features
	--without-default-devices --with-devices-x86_64=vvu --enable-tcg --enable-kvm
	--enable-vhost-user --enable-vhost-net --enable-werror --disable-debug-info
	--disable-install-blobs --disable-docs --disable-fdt --disable-download
	--with-pkgversion=virtio-vhost-user
	--firmwarepath=/usr/share/qemu:/usr/share/seabios)
# The device's test, which the series adds.
QEMU_QTEST=tests/qtest/virtio-vhost-user-test

qemu_binary() {
	printf '%s\n' "$QEMU_DIR/build/qemu-system-x86_64"
}

# qemu_source: the source as it is without the series, in a repository, once.
qemu_source() {
	if [ -d "$QEMU_DIR/src" ] && [ -d "$QEMU_DIR/python" ]; then
		return
	fi
	[ -f "$QEMU_DIR/dl/version" ] || qemu_download
	try rm -rf -- "$QEMU_DIR/unpack"
	try mkdir -p -- "$QEMU_DIR/unpack"
	[ -d "$QEMU_DIR/python" ] || qemu_unpack_python
	[ -d "$QEMU_DIR/src" ] || qemu_unpack_source
	try rm -rf -- "$QEMU_DIR/unpack"
}

# qemu_download: the source package of the newest release of the series that the machine's
# mirrors have, and the Python packages, to build/qemu/dl.
qemu_download() {
	local work=$QEMU_DIR/apt dl=$QEMU_DIR/dl version
	try rm -rf -- "$work" "$dl"
	try mkdir -p -- "$dl"
	private_apt_update "$work" "deb deb-src" "$QEMU_SUITE"
	version=$(qemu_newest "$work")
	if [ -z "$version" ]; then
		cat -- "$work/log" >&2
		die "no package source offers the source of QEMU $QEMU_SERIES: it is looked" \
			"for in suite $QEMU_SUITE at the mirrors that apt is configured with"
	fi
	say "downloading the source of QEMU $version (Debian $QEMU_SUITE)"
	if ! (cd "$dl" &&
		private_apt "$work" apt-get source --download-only --only-source "qemu=$version" &&
		private_apt "$work" apt-get download "${QEMU_PYTHON_PACKAGES[@]}") \
		>>"$work/log" 2>&1; then
		cat -- "$work/log" >&2
		die "downloading QEMU $version or ${QEMU_PYTHON_PACKAGES[*]} failed (log above)"
	fi
	# Written last: with it the download is complete, and apt has verified it.
	printf '%s\n' "$version" >"$dl/version"
	try rm -rf -- "$work"
}

# qemu_newest WORK: the newest version of the series in the source indexes, or nothing.
qemu_newest() {
	local version newest=
	while read -r version; do
		if [ -z "$newest" ] || dpkg --compare-versions "$version" gt "$newest"; then
			newest=$version
		fi
	done < <(private_apt "$1" apt-cache showsrc --only-source qemu 2>/dev/null |
		sed -En "s/^Version: (([0-9]+:)?${QEMU_SERIES/./\\.}\.[0-9].*)/\1/p")
	printf '%s\n' "$newest"
}

qemu_unpack_python() {
	local package
	for package in "$QEMU_DIR"/dl/*.deb; do
		try dpkg-deb -x "$package" "$QEMU_DIR/unpack/python"
	done
	try mv -- "$QEMU_DIR/unpack/python" "$QEMU_DIR/python"
}

# The sources of firmware are two thirds of the archive, and no part of this build.
qemu_unpack_source() {
	local unpacked
	say "unpacking QEMU $(cat "$QEMU_DIR/dl/version")"
	try tar -xf "$QEMU_DIR"/dl/qemu_*.orig.tar.* -C "$QEMU_DIR/unpack" \
		--no-same-owner --exclude='qemu-*/roms/*/*'
	unpacked=$(echo "$QEMU_DIR"/unpack/qemu-*)
	try "$PYTHON" "$VVU_ROOT/qemu-patches/series.py" --source "$unpacked" init
	try mv -- "$unpacked" "$QEMU_DIR/src"
}

# qemu_build [--as-is]: QEMU with the series; with --as-is whatever build/qemu/src has now.
# What is up to date is left as it is.
qemu_build() {
	local targets=(qemu-system-x86_64)
	qemu_source
	[ "${1:-}" = --as-is ] || try "$PYTHON" "$VVU_ROOT/qemu-patches/series.py" checkout
	qemu_stage
	qemu_configure
	say "building QEMU $(cat "$QEMU_DIR/src/VERSION") (minutes, the first time)"
	# Whether there is the test is known once the build files are up to date.
	qemu_ninja build.ninja
	if "$NINJA" -C "$QEMU_DIR/build" -t query "$QEMU_QTEST" >/dev/null 2>&1; then
		targets+=("$QEMU_QTEST")
	fi
	qemu_ninja "${targets[@]}"
}

# What the build needs to find in the source tree, where git is told to overlook it.
qemu_stage() {
	local src=$QEMU_DIR/src devices blob
	devices=configs/devices/x86_64-softmmu/vvu.mak
	printf '%s\n' "/$devices" '/pc-bios/edk2-*.fd.bz2' >"$src/.git/info/exclude"
	qemu_devices >"$QEMU_DIR/devices.mak"
	if ! cmp -s "$QEMU_DIR/devices.mak" "$src/$devices"; then
		try cp -- "$QEMU_DIR/devices.mak" "$src/$devices"
	fi
	# Debian leaves out firmware in binary form. Nothing that is built here unpacks it, but
	# meson wants the files to be there.
	while read -r blob; do
		[ -e "$src/pc-bios/$blob.bz2" ] || : >"$src/pc-bios/$blob.bz2"
	done < <(grep -o "edk2-[a-z0-9_-]*\.fd" "$src/pc-bios/meson.build")
}

# The devices to build. QEMU refuses a name that it does not know, so the series' own is left
# out as long as the series does not define it.
qemu_devices() {
	if grep -qsx 'config VIRTIO_VHOST_USER' "$QEMU_DIR/src/hw/virtio/Kconfig"; then
		cat -- "$VVU_ROOT/qemu-patches/devices.mak"
	else
		grep -vx 'CONFIG_VIRTIO_VHOST_USER=y' -- "$VVU_ROOT/qemu-patches/devices.mak"
	fi
}

# Again from nothing where the options have changed; meson itself sees to the rest.
qemu_configure() {
	local dir=$QEMU_DIR/build options
	options="$VVU_ROOT $(cat "$QEMU_DIR/src/VERSION") ${QEMU_CONFIGURE[*]}"
	[ "$(cat "$dir/vvu-options" 2>/dev/null)" != "$options" ] || return 0
	say "configuring build/qemu/build"
	try rm -rf -- "$dir"
	try mkdir -p -- "$dir"
	quietly qemu-configure env -C "$dir" "PYTHONPATH=$QEMU_PYTHON_PATH" \
		"$QEMU_DIR/src/configure" "${QEMU_CONFIGURE[@]}"
	# A program that was not installed looks for its firmware path below this directory.
	try mkdir -p -- "$dir/qemu-bundle/usr"
	try ln -sfn /usr/share "$dir/qemu-bundle/usr/share"
	printf '%s\n' "$options" >"$dir/vvu-options"
}

# Where a build file was changed, ninja starts meson.
qemu_ninja() {
	quietly qemu-build env "PYTHONPATH=$QEMU_PYTHON_PATH" \
		"$NINJA" -C "$QEMU_DIR/build" -j "$(nproc)" "$@"
}
