# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What every other script uses: messages, failing with the command that failed, root.

# The distribution's Python: its modules (pytest, sphinx, meson) belong to this one and
# not to another python3 that comes first in PATH.
# shellcheck disable=SC2034 # they are for those that read this file
PYTHON=/usr/bin/python3 MESON=/usr/bin/meson

say() {
	printf '== %s\n' "$*"
}

warn() {
	printf '== warning: %s\n' "$*" >&2
}

die() {
	trap - ERR
	printf '== error: %s\n' "$*" >&2
	exit 1
}

# Run a command, and where it fails say which one, with its arguments expanded.
try() {
	local status=0
	"$@" || status=$?
	if [ "$status" -ne 0 ]; then
		die "this command failed with status $status: ${*@Q}"
	fi
}

# quietly NAME COMMAND...: the output goes to build/log/NAME.log, and to the terminal too if
# the command fails.
quietly() {
	local log=$VVU_ROOT/build/log/$1.log status=0
	shift
	mkdir -p -- "$VVU_ROOT/build/log"
	"$@" >"$log" 2>&1 || status=$?
	if [ "$status" -ne 0 ]; then
		cat -- "$log" >&2
		die "this command failed with status $status: ${*@Q}"
	fi
}

# Anything that fails outside of try still names its command.
on_error() {
	local status=$? command=$BASH_COMMAND where=${BASH_SOURCE[1]#"$VVU_ROOT"/}:${BASH_LINENO[0]}
	die "this command failed with status $status ($where): $command"
}
trap on_error ERR

# as_root COMMAND...: as root or through sudo.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "needs root, and there is no sudo: ${*@Q}"
	fi
}

# use NAME...: read scripts/NAME.sh
use() {
	local name
	for name in "$@"; do
		# shellcheck source=/dev/null
		. "$VVU_ROOT/scripts/$name.sh"
	done
}
