# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# A libiscsi whose iSER can be relied on, and the storage programs with it, for the vm tier:
# the distribution's where it is new enough, else Debian's source of a later suite, built below
# build/libiscsi.

use apt-source

LIBISCSI_NEEDED=1.20
LIBISCSI_SUITE=trixie
LIBISCSI_DIR=$VVU_ROOT/build/libiscsi
LIBISCSI_CONFIGURE=(--disable-werror --disable-static --disable-test-tool --disable-examples
	--disable-tests --disable-manpages)

# build_iser: sets VVU_BUILD_ISER to the build directory of storage programs with iSER, or leaves
# it unset where the source is not to be had; tests say that they are skipped for want of it.
build_iser() {
	if pkg-config --atleast-version="$LIBISCSI_NEEDED" libiscsi; then
		export VVU_BUILD_ISER=$VVU_ROOT/build/plain
		return
	fi
	if [ ! -f "$LIBISCSI_DIR/built" ]; then
		setup_libiscsi
		libiscsi_download || return 0
		libiscsi_build
	fi
	BUILD_TARGETS="store-exerciser vhost-blk" build iser \
		"PKG_CONFIG_PATH=$LIBISCSI_DIR/install/lib/pkgconfig" -Ddpdk=disabled
	export VVU_BUILD_ISER=$VVU_ROOT/build/iser
}

# The archive as apt has verified it; Debian's own patches are not needed.
libiscsi_download() {
	local work=$LIBISCSI_DIR/apt
	try rm -rf -- "$LIBISCSI_DIR"
	try mkdir -p -- "$work" "$LIBISCSI_DIR/dl"
	private_apt_update "$work" deb-src "$LIBISCSI_SUITE"
	say "downloading the source of libiscsi (Debian $LIBISCSI_SUITE)"
	if ! (cd "$LIBISCSI_DIR/dl" && private_apt "$work" apt-get source --download-only \
		--tar-only --only-source "libiscsi/$LIBISCSI_SUITE") >>"$work/log" 2>&1; then
		cat -- "$work/log" >&2
		warn "no source of libiscsi $LIBISCSI_NEEDED (log above): iSER is not tested"
		return 1
	fi
	try rm -rf -- "$work"
}

libiscsi_build() {
	local src=$LIBISCSI_DIR/src
	try mkdir -p -- "$src"
	try tar -xf "$LIBISCSI_DIR"/dl/libiscsi_*.orig.tar.* -C "$src" --strip-components=1 \
		--no-same-owner
	say "building libiscsi in build/libiscsi"
	quietly libiscsi-autogen env -C "$src" ./autogen.sh
	quietly libiscsi-configure env -C "$src" ./configure "${LIBISCSI_CONFIGURE[@]}" \
		--prefix="$LIBISCSI_DIR/install"
	quietly libiscsi-install make -C "$src/lib" -j "$(nproc)" install
	quietly libiscsi-headers make -C "$src" install-pkgconfigDATA \
		install-dist_iscsi_includeHEADERS
	touch "$LIBISCSI_DIR/built"
}
