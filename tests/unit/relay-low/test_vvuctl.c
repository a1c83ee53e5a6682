/* SPDX-License-Identifier: BSD-3-Clause */
/* What vvuctl reads of a function, right and wrong ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_bus.h"
#include "vvuctl.h"

static struct vvuctl_function function;

static int
setup(void **state)
{
	struct fake_bus *fake = fake_bus_modern(16);

	fake->device_cfg[8] = 0xab;
	fake_le32(fake->device_cfg + 24, 4096);
	fake_le32(fake->device_cfg + 28, 7);
	fake->queue[1].size = 256;	/* which a reset would do */
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
read_function(void **state)
{
	struct fake_bus *fake = *state;

	return vvuctl_read(&fake->bus, &function);
}

static void
good_function_is_shown_whole(void **state)
{
	assert_int_equal(read_function(state), 0);
	assert_int_equal(function.vendor, 0x1af4);
	assert_int_equal(function.device, 0x106b);
	assert_int_equal(function.virtio_id, 43);
	assert_true(function.bar_size[FAKE_WINDOW_BAR] == 0x20000);
	assert_int_equal(function.num_caps, 8);
	assert_int_equal(function.cap[4].type, 6);
	assert_int_equal(function.cap[4].multiplier, 4);
	assert_true(function.cap[4].offset == FAKE_DOORBELL);
	assert_int_equal(function.cap[6].type, 8);
	assert_int_equal(function.cap[6].shmid, 1);
	assert_true(function.cap[6].length == FAKE_WINDOW_SIZE);
	assert_false(function.cap[7].virtio);
	assert_int_equal(function.caps.msix_vectors, FAKE_VECTORS);
	assert_true(function.usable);
	assert_true(function.features == (1ull << 32 | 1ull << 33));
	assert_int_equal(function.num_queues, 2);
	assert_int_equal(function.queue_size[1], 256);
	assert_true(function.has_config && function.has_epoch);
	assert_int_equal(function.max_vhost_queues, 16);
	assert_int_equal(function.uuid[0], 0xab);
	assert_int_equal(function.max_message_size, 4096);
	assert_int_equal(function.epoch, 7);
	assert_string_equal(function.list_problem.text, "");
	assert_string_equal(function.caps_problem.text, "");
}

static void
configuration_of_the_draft_has_no_epoch(void **state)
{
	struct fake_bus *fake = *state;

	/* The length in the device configuration capability, the fourth in the list. */
	assert_int_equal(read_function(state), 0);
	fake_le32(fake->cfg + function.cap[3].position + 12, 24);
	assert_int_equal(read_function(state), 0);
	assert_true(function.has_config);
	assert_false(function.has_epoch);
	assert_int_equal(function.epoch, 0);
}

static void
function_of_another_kind_has_no_configuration_of_ours(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(read_function(state), 0);
	fake->cfg[function.cap[4].position + 3] = 9;	/* no doorbells */
	fake->cfg[2] = 0x41;
	fake->cfg[3] = 0x10;
	assert_int_equal(read_function(state), 0);
	assert_int_equal(function.virtio_id, 1);
	assert_true(function.usable);
	assert_false(function.has_config);
}

static void
loop_ends_and_is_told(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(read_function(state), 0);
	fake->cfg[function.cap[7].position + 1] = function.cap[0].position;
	assert_int_equal(read_function(state), 0);
	assert_int_equal(function.num_caps, 8);
	assert_non_null(strstr(function.list_problem.text, "loop"));
	assert_true(function.usable);
}

static void
bad_capability_is_listed_and_told(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(read_function(state), 0);
	fake->cfg[function.cap[0].position + 4] = 5;	/* a BAR that is not there */
	assert_int_equal(read_function(state), 0);
	assert_int_equal(function.num_caps, 8);
	assert_int_equal(function.cap[0].bar, 5);
	assert_false(function.usable);
	assert_non_null(strstr(function.caps_problem.text, "bar 5"));
	assert_false(function.has_config);
}

/* A multiplier in the very last bytes of the space is read, and nothing behind it. */
static void
capability_at_the_end_of_the_space(void **state)
{
	struct fake_bus *fake = *state;
	const uint8_t bytes[20] = { 0x09, 0, 24, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8 };

	assert_int_equal(read_function(state), 0);
	fake->cfg[function.cap[7].position + 1] = 0xec;
	memcpy(fake->cfg + 0xec, bytes, sizeof(bytes));
	assert_int_equal(read_function(state), 0);
	assert_int_equal(function.num_caps, 9);
	assert_int_equal(function.cap[8].multiplier, 8);
}

static void
unreadable_space_is_an_error(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg_broken = true;
	assert_int_equal(read_function(state), -EIO);
}

static void
random_configuration_spaces_do_no_harm(void **state)
{
	struct fake_bus *fake = *state;
	unsigned int round, i;

	srand(1);
	for (round = 0; round < 20000; round++) {
		for (i = 0x30; i < sizeof(fake->cfg); i++)
			fake->cfg[i] = (uint8_t)(rand() % 4 ? rand() : 0x09);
		fake->cfg[0x06] |= 0x10;
		assert_int_equal(read_function(state), 0);
		assert_true(function.num_caps <= VVUCTL_MAX_CAPS);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(good_function_is_shown_whole),
		T(configuration_of_the_draft_has_no_epoch),
		T(function_of_another_kind_has_no_configuration_of_ours),
		T(loop_ends_and_is_told),
		T(bad_capability_is_listed_and_told),
		T(capability_at_the_end_of_the_space),
		T(unreadable_space_is_an_error),
		T(random_configuration_spaces_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
