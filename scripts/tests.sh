# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# The test tiers, in order of cost. The runners print what they print; their result files
# (JUnit XML of pytest, testlog.json of meson) are counted by test-summary.py.

use sanitizers

TIERS=(style unit embedded fuzz vm)
RESULTS=$VVU_ROOT/build/results

# Before each runner: nothing, or what the sanitizers of Debian 12's compilers need.
PREFIX=()

# Set by check; a tier runs to its end and says red, then the run stops.
red=0

run_tests() {
	local tier tiers=() list=0 known=" ${TIERS[*]} "
	PYTEST_ARGS=()
	while [ $# -gt 0 ]; do
		case $1 in
		--list-defects) list=1 ;;
		--)
			shift
			PYTEST_ARGS=("$@")
			break
			;;
		-*) die "test: no such option: $1 (arguments for pytest come after --)" ;;
		*)
			[[ $known == *" $1 "* ]] || die "test: no such tier: $1 (there are:$known)"
			tiers+=("$1")
			;;
		esac
		shift
	done
	setup_test
	if [ "$list" -eq 1 ]; then
		list_defects
		return
	fi
	[ ${#tiers[@]} -gt 0 ] || tiers=("${TIERS[@]}")

	try rm -rf -- "$RESULTS"
	try mkdir -p -- "$RESULTS"
	export PYTHONDONTWRITEBYTECODE=1
	export VVU_BUILD_PLAIN=$VVU_ROOT/build/plain VVU_BUILD=$VVU_ROOT/build/asan
	export VVU_BUILD_FUZZ=$VVU_ROOT/build/fuzz
	choose_prefix
	STARTED=$EPOCHSECONDS
	trap 'summarize $?' EXIT
	# In the order of cost, however they were named.
	for tier in "${TIERS[@]}"; do
		[[ " ${tiers[*]} " == *" $tier "* ]] || continue
		say "tier $tier"
		CURRENT_TIER=$tier
		SECONDS=0
		"tier_$tier"
		printf '%s\n' "$SECONDS" >"$RESULTS/$tier.seconds"
		[ "$red" -eq 0 ] || exit 1
	done
}

# At the end of the run, also when a build failed and there is less to count.
summarize() {
	local status=$1
	trap - EXIT ERR
	[ "$status" -eq 0 ] || printf '\n== stopped: something above failed\n'
	printf '%s\n' $((EPOCHSECONDS - STARTED)) >"$RESULTS/seconds"
	"$PYTHON" "$VVU_ROOT/scripts/test-summary.py" "$RESULTS" "${TIERS[@]}" || status=1
	exit "$status"
}

# The address and thread sanitizers of gcc 12 and clang 14 abort at random where a kernel
# randomises more than 28 bits of an address.
choose_prefix() {
	local bits
	bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null) || bits=0
	if [ "$bits" -gt 28 ] && setarch -R true 2>/dev/null; then
		PREFIX=(setarch -R)
	fi
}

# check LABEL COMMAND...: run it; a failure makes the tier red.
check() {
	say "$1"
	shift
	"${PREFIX[@]}" "$@" || {
		red=1
		printf '== failed: %s\n' "${*@Q}" >&2
	}
}

# check_pytest DIR: one pytest run; pytest prints its own closing line.
check_pytest() {
	check "pytest $1" "$PYTHON" -m pytest "$1" -q \
		--junitxml="$RESULTS/$CURRENT_TIER.$(basename "$1").xml" "${PYTEST_ARGS[@]}"
}

# check_meson BUILD SUITE: the C tests of one build; meson prints its own closing lines.
check_meson() {
	local log=$VVU_ROOT/build/$1/meson-logs/testlog.json
	try rm -f -- "$log"
	check "meson test --suite $2 in build/$1" "$MESON" test -C "$VVU_ROOT/build/$1" \
		--no-rebuild --suite "$2" --print-errorlogs
	# A suite without tests is no success, though meson says so.
	if [ -s "$log" ]; then
		try mv -- "$log" "$RESULTS/$CURRENT_TIER.$1.json"
	else
		red=1
		printf '== failed: no test was run\n' >&2
	fi
}

tier_style() {
	build_plain # the manual's message table is compared with what the code prints
	check_pytest tests/style
}

tier_unit() {
	use hugepages
	build_plain
	# One test maps huge pages; on a machine that has none yet it would be skipped.
	ensure_hugepages 64
	check_meson plain unit
	build_asan
	check_meson asan unit
	build_tsan
	check_meson tsan thread
	build_s390x
	check_meson s390x unit
}

tier_embedded() {
	use hugepages
	build_plain
	build_asan
	ensure_hugepages 1024
	check_pytest tests/embedded
}

tier_fuzz() {
	build_fuzz
	check_pytest tests/fuzz
}

# Two VMs, and a QEMU with the device for one of them.
tier_vm() {
	use qemu libiscsi
	setup_vm
	build_plain
	build_iser
	qemu_build
	VVU_QEMU=$(qemu_binary)
	export VVU_QEMU
	check_pytest tests/vm
}

# Tests that show a known defect is absent: pytest's mark "defect" and cmocka tests named
# defect_*.
list_defects() {
	"$PYTHON" -m pytest tests/embedded tests/fuzz -q --collect-only -m defect 2>/dev/null |
		grep '::' || true
	grep -roE --include='*.c' '\<defect_[a-z0-9_]+\(void \*\*' tests/unit |
		sed -E 's/:(.*)\(void.*/::\1/' | sort || true
}
