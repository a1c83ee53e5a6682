# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The builds. All are below build/ in the tree: DPDK refuses to load a driver from below a
# world-writable directory such as /tmp.

use dpdk-headers

plain_dir() {
	printf '%s\n' "$VVU_ROOT/build/plain"
}

# build NAME [VARIABLE=VALUE...] [MESON OPTION...]: configure build/NAME, again from
# nothing where the options have changed, and compile it with warnings as errors; all of it,
# or the targets that BUILD_TARGETS names.
build() {
	local name=$1 dir=$VVU_ROOT/build/$1 environment=() options targets
	shift
	while [[ ${1:-} =~ ^[A-Z_]+= ]]; do
		environment+=("$1")
		shift
	done
	# Not "auto": a build that was configured before cmocka was there would lack tests.
	set -- -Dwerror=true -Dtests=enabled -Dstorage=enabled -Dnbd=enabled -Discsi=enabled "$@"
	options="${environment[*]} $*"
	if [ ! -f "$dir/build.ninja" ] ||
		[ "$(cat "$dir/vvu-options" 2>/dev/null)" != "$options" ]; then
		say "configuring build/$name"
		try rm -rf -- "$dir"
		quietly "$name-setup" \
			env "${environment[@]}" "$MESON" setup "$dir" "$VVU_ROOT" "$@"
		printf '%s\n' "$options" >"$dir/vvu-options"
	fi
	say "building build/$name"
	read -ra targets <<<"${BUILD_TARGETS:-}"
	quietly "$name-build" "$MESON" compile -C "$dir" "${targets[@]}"
}

# What a user runs: with the net_vvu driver.
build_plain() {
	ensure_dpdk_headers
	build plain -Ddpdk=enabled "-Ddpdk_driver_headers=$(dpdk_headers_dir)"
	say "built: build/plain"
}
