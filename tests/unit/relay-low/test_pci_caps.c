/* SPDX-License-Identifier: BSD-3-Clause */
/* Capability walk: what is taken, and what a hostile configuration space cannot do. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_bus.h"
#include "vhost-relay/virtio/virtio.h"

static struct vhr_pci_caps caps;
static struct vhu_reason reason;

static int
setup(void **state)
{
	struct fake_bus *fake = fake_bus_new();

	fake->device_cfg_length = 32;
	fake_virtio_caps(fake);
	fake->bar_size[0] = 64ull << 30;
	memset(&reason, 0, sizeof(reason));
	*state = fake;
	return 0;
}

static int
teardown(void **state)
{
	struct fake_bus *fake = *state;

	fake->bus.ops->close(&fake->bus);
	return 0;
}

static int
read_caps(void **state)
{
	struct fake_bus *fake = *state;

	return vhr_pci_caps_read(&fake->bus, &caps, &reason);
}

static void
assert_cap(const struct vhr_cap *cap, uint8_t bar, uint64_t offset, uint64_t length)
{
	assert_true(cap->present);
	assert_int_equal(cap->bar, bar);
	assert_true(cap->offset == offset);
	assert_true(cap->length == length);
}

static void
all_types_are_taken(void **state)
{
	struct fake_bus *fake = *state;

	fake_virtio_cap(fake, 5, 20, 4, 0, 0, 0, 0);
	fake_virtio_cap(fake, 6, 20, 0, 0, 0xffffe000, 0x1000, 4);
	fake_virtio_cap(fake, 7, 16, 0, 0, 0x1000, 4, 0);
	fake_virtio_cap(fake, 8, 24, 0, 1, 0, 60ull << 30, 0);
	fake_virtio_cap(fake, 9, 16, 9, 0, 0, 0, 0);
	fake_msix_cap(fake, 259);
	assert_int_equal(read_caps(state), 0);
	assert_string_equal(reason.text, "");
	assert_cap(&caps.common, 4, FAKE_COMMON, 64);
	assert_cap(&caps.notify, 4, FAKE_NOTIFY, 0x1000);
	assert_int_equal(caps.notify_multiplier, 4);
	assert_cap(&caps.isr, 4, FAKE_ISR, 4);
	assert_cap(&caps.device, 4, FAKE_DEVICE, 32);
	assert_cap(&caps.doorbell, 0, 0xffffe000, 0x1000);
	assert_int_equal(caps.doorbell_multiplier, 4);
	assert_cap(&caps.kick_vector, 0, 0x1000, 4);
	assert_cap(&caps.shm[1], 0, 0, 60ull << 30);
	assert_int_equal(caps.shm_cap_len[1], 24);
	assert_true(caps.msix);
	assert_int_equal(caps.msix_vectors, 259);
}

static void
shared_memory_offset_above_4_gib(void **state)
{
	fake_virtio_cap(*state, 8, 24, 0, 3, 5ull << 30, 1ull << 33, 0);
	assert_int_equal(read_caps(state), 0);
	assert_cap(&caps.shm[3], 0, 5ull << 30, 1ull << 33);
}

static void
short_shared_memory_takes_the_rest_of_the_bar(void **state)
{
	fake_virtio_cap(*state, 8, 16, 0, 1, 0x3000, 0x1000, 0);
	assert_int_equal(read_caps(state), 0);
	assert_cap(&caps.shm[0], 0, 0x3000, (64ull << 30) - 0x3000);
	assert_int_equal(caps.shm_cap_len[0], 16);
	assert_false(caps.shm[1].present);
}

static void
short_shared_memory_outside_its_bar_is_skipped(void **state)
{
	struct fake_bus *fake = *state;

	fake->bar_size[0] = 0x1000;
	fake_virtio_cap(fake, 8, 16, 0, 0, 0x3000, 0x1000, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.shm[0].present);
	assert_string_not_equal(reason.text, "");
}

/*
 * Drivers before this one read the length of the doorbell capability two bytes early, at
 * +10. The bytes here are written out by hand.
 */
static void
defect_doorbell_length_at_wrong_offset(void **state)
{
	static const uint8_t cap[20] = {
		0x09, 0, 20, 6, 0, 0, 0, 0,
		0x00, 0x20, 0x34, 0x12,		/* offset 0x12342000 at +8 */
		0x00, 0x10, 0x00, 0x00,		/* length 0x1000 at +12 */
		0x02, 0x00, 0x00, 0x00,		/* multiplier 2 at +16 */
	};

	fake_cap_add(*state, cap, sizeof(cap));
	assert_int_equal(read_caps(state), 0);
	assert_cap(&caps.doorbell, 0, 0x12342000, 0x1000);
	assert_int_equal(caps.doorbell_multiplier, 2);
}

static void
list_with_a_loop_ends(void **state)
{
	struct fake_bus *fake = *state;
	uint8_t last = fake_virtio_cap(fake, 7, 16, 0, 0, 0x1000, 4, 0);

	fake->cfg[last + 1] = 0x40;
	assert_int_equal(read_caps(state), 0);
	assert_non_null(strstr(reason.text, "loop at 0x40"));
	assert_true(caps.kick_vector.present);
}

static void
capability_that_points_to_itself_ends_the_list(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[0x34] = 0x40;
	fake->cfg[0x41] = 0x40;
	assert_int_equal(read_caps(state), -ENODEV);
	assert_non_null(strstr(reason.text, "loop"));
}

static void
pointer_into_the_header_ends_the_list(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[0x41] = 0x3c;
	assert_int_equal(read_caps(state), -ENODEV);
	assert_non_null(strstr(reason.text, "0x3c"));
}

static void
low_bits_of_a_pointer_are_masked(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[0x34] |= 3;
	fake->cfg[0x41] |= 1;
	assert_int_equal(read_caps(state), 0);
	assert_true(caps.notify.present);
}

static void
no_list_without_the_status_bit(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[0x06] = 0;
	assert_int_equal(read_caps(state), -ENODEV);
}

static void
capability_at_the_end_of_the_space_is_skipped(void **state)
{
	struct fake_bus *fake = *state;
	uint8_t last = fake_virtio_cap(fake, 9, 16, 0, 0, 0, 0, 0);

	/* 12 bytes are left: fewer than the smallest virtio capability. */
	fake->cfg[last + 1] = 0xf4;
	fake->cfg[0xf4] = 0x09;
	fake->cfg[0xf6] = 16;
	fake->cfg[0xf7] = 7;
	assert_int_equal(read_caps(state), 0);
	assert_non_null(strstr(reason.text, "0xf4"));
	assert_false(caps.kick_vector.present);
}

static void
length_that_leaves_the_space_is_skipped(void **state)
{
	struct fake_bus *fake = *state;
	uint8_t last = fake_virtio_cap(fake, 7, 16, 0, 0, 0x1000, 4, 0);

	fake->cfg[last + 2] = 0xff;
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.kick_vector.present);
	assert_non_null(strstr(reason.text, "cap_len 255"));
}

static void
short_capability_is_skipped(void **state)
{
	struct fake_bus *fake = *state;
	uint8_t last = fake_virtio_cap(fake, 7, 16, 0, 0, 0x1000, 4, 0);

	fake->cfg[last + 2] = 15;
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.kick_vector.present);
	assert_non_null(strstr(reason.text, "cap_len 15"));
}

static void
doorbell_without_multiplier_is_skipped(void **state)
{
	fake_virtio_cap(*state, 6, 16, 0, 0, 0x1000, 0x1000, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.doorbell.present);
	assert_non_null(strstr(reason.text, "cap_len 16, expected 20"));
}

static void
odd_multiplier_is_skipped(void **state)
{
	fake_virtio_cap(*state, 6, 20, 0, 0, 0x1000, 0x1000, 3);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.doorbell.present);
	assert_non_null(strstr(reason.text, "multiplier 3"));
}

static void
bar_above_5_is_skipped(void **state)
{
	fake_virtio_cap(*state, 7, 16, 6, 0, 0, 4, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.kick_vector.present);
	assert_non_null(strstr(reason.text, "bar 6"));
}

static void
bar_that_is_not_there_is_skipped(void **state)
{
	fake_virtio_cap(*state, 7, 16, 1, 0, 0, 4, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.kick_vector.present);
	assert_non_null(strstr(reason.text, "bar 1 is not there"));
}

static void
range_that_leaves_its_bar_is_skipped(void **state)
{
	fake_virtio_cap(*state, 7, 16, 4, 0, 0x3ffe, 4, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.kick_vector.present);
	assert_non_null(strstr(reason.text, "leaves bar 4"));
}

static void
offset_and_length_that_overflow_are_skipped(void **state)
{
	fake_virtio_cap(*state, 8, 24, 0, 1, 0x1000, UINT64_MAX - 0xfff, 0);
	fake_virtio_cap(*state, 8, 24, 0, 2, UINT64_MAX - 0xfff, 0x1000, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.shm[1].present);
	assert_false(caps.shm[2].present);
	assert_non_null(strstr(reason.text, "leaves bar 0"));
}

static void
length_zero_is_skipped(void **state)
{
	fake_virtio_cap(*state, 8, 24, 0, 1, 0, 0, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.shm[1].present);
	assert_non_null(strstr(reason.text, "length 0"));
}

static void
kick_vector_region_must_hold_both_registers(void **state)
{
	fake_virtio_cap(*state, 7, 16, 0, 0, 0, 3, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.kick_vector.present);
}

static void
misaligned_offset_is_skipped(void **state)
{
	fake_virtio_cap(*state, 7, 16, 0, 0, 0x1001, 4, 0);
	assert_int_equal(read_caps(state), 0);
	assert_false(caps.kick_vector.present);
	assert_non_null(strstr(reason.text, "not aligned"));
}

static void
shmid_beyond_those_remembered_is_skipped(void **state)
{
	fake_virtio_cap(*state, 8, 24, 0, 8, 0, 0x1000, 0);
	assert_int_equal(read_caps(state), 0);
	assert_non_null(strstr(reason.text, "id 8"));
}

static void
first_of_two_counts(void **state)
{
	fake_virtio_cap(*state, 7, 16, 0, 0, 0x1000, 4, 0);
	fake_virtio_cap(*state, 7, 16, 0, 0, 0x2000, 4, 0);
	assert_int_equal(read_caps(state), 0);
	assert_cap(&caps.kick_vector, 0, 0x1000, 4);
	assert_string_equal(reason.text, "");
}

static void
good_one_counts_after_a_bad_one(void **state)
{
	fake_virtio_cap(*state, 7, 16, 7, 0, 0x1000, 4, 0);
	fake_virtio_cap(*state, 7, 16, 0, 0, 0x2000, 4, 0);
	assert_int_equal(read_caps(state), 0);
	assert_cap(&caps.kick_vector, 0, 0x2000, 4);
}

static void
missing_mandatory_capability_is_named(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[0x40 + 4] = 5;	/* common configuration now in a BAR that is not there */
	assert_int_equal(read_caps(state), -ENODEV);
	assert_non_null(strstr(reason.text, "capability 1 (common configuration)"));
	assert_non_null(strstr(reason.text, "bar 5"));
}

static void
common_configuration_of_virtio_1_0_is_enough_and_less_is_not(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[0x40 + 12] = 56;
	assert_int_equal(read_caps(state), 0);
	fake->cfg[0x40 + 12] = 55;
	assert_int_equal(read_caps(state), -ENODEV);
}

static void
unreadable_space_is_an_error(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg_broken = true;
	assert_int_equal(read_caps(state), -EIO);
	assert_string_not_equal(reason.text, "");
}

static void
random_configuration_spaces_do_no_harm(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t seed = 1;
	unsigned int round, i;
	const struct vhr_cap *cap;
	int ret;

	for (round = 0; round < 20000; round++) {
		for (i = 0x34; i < 256; i++) {
			seed = seed * 1664525u + 1013904223u;
			/* Often enough something that looks like a capability. */
			fake->cfg[i] = (uint8_t)(i % 4 == 0 && seed >> 31 ? 0x09 : seed >> 24);
		}
		ret = read_caps(state);
		assert_true(ret == 0 || ret == -ENODEV);
		for (i = 0; i < VHR_MAX_SHM; i++) {
			cap = &caps.shm[i];
			if (cap->present) {
				assert_true(cap->length > 0);
				assert_true(cap->length <= fake->bar_size[cap->bar]);
				assert_true(cap->offset <= fake->bar_size[cap->bar] - cap->length);
			}
		}
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_types_are_taken),
		T(shared_memory_offset_above_4_gib),
		T(short_shared_memory_takes_the_rest_of_the_bar),
		T(short_shared_memory_outside_its_bar_is_skipped),
		cmocka_unit_test_setup_teardown(defect_doorbell_length_at_wrong_offset, setup,
						teardown),
		T(list_with_a_loop_ends),
		T(capability_that_points_to_itself_ends_the_list),
		T(pointer_into_the_header_ends_the_list),
		T(low_bits_of_a_pointer_are_masked),
		T(no_list_without_the_status_bit),
		T(capability_at_the_end_of_the_space_is_skipped),
		T(length_that_leaves_the_space_is_skipped),
		T(short_capability_is_skipped),
		T(doorbell_without_multiplier_is_skipped),
		T(odd_multiplier_is_skipped),
		T(bar_above_5_is_skipped),
		T(bar_that_is_not_there_is_skipped),
		T(range_that_leaves_its_bar_is_skipped),
		T(offset_and_length_that_overflow_are_skipped),
		T(length_zero_is_skipped),
		T(kick_vector_region_must_hold_both_registers),
		T(misaligned_offset_is_skipped),
		T(shmid_beyond_those_remembered_is_skipped),
		T(first_of_two_counts),
		T(good_one_counts_after_a_bad_one),
		T(missing_mandatory_capability_is_named),
		T(common_configuration_of_virtio_1_0_is_enough_and_less_is_not),
		T(unreadable_space_is_an_error),
		T(random_configuration_spaces_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
