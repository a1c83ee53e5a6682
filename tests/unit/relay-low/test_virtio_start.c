/* SPDX-License-Identifier: BSD-3-Clause */
/* Status handshake, reset, vectors and device configuration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "fake_bus.h"
#include "vhost-relay/virtio/virtio.h"

#define VERSION_1	(1ull << 32)
#define ACCESS_PLATFORM	(1ull << 33)

static struct vhr_virtio virtio;

static int
setup(void **state)
{
	memset(&virtio, 0, sizeof(virtio));
	*state = fake_bus_modern(4);
	return 0;
}

static int
teardown(void **state)
{
	struct fake_bus *fake = *state;

	vhr_virtio_stop(&virtio);
	assert_int_equal(fake->dma_live, 0);
	assert_int_equal(fake->vectors, 0);
	fake->bus.ops->close(&fake->bus);
	return 0;
}

static void
start(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(vhr_virtio_start(&virtio, &fake->bus, 0), 0);
}

static void
status_bits_are_set_in_the_order_of_the_specification(void **state)
{
	struct fake_bus *fake = *state;
	static const uint8_t order[] = { 0, 1, 3, 11, 15 };

	start(state);
	assert_int_equal(vhr_virtio_driver_ok(&virtio), 0);
	assert_int_equal(fake->num_status, sizeof(order));
	assert_memory_equal(fake->status_log, order, sizeof(order));
}

static void
reset_waits_until_the_status_reads_0(void **state)
{
	struct fake_bus *fake = *state;

	fake->status = 0x0f;
	fake->reset_reads = 5;
	start(state);
	assert_int_equal(fake->reset_reads, 0);
	assert_int_equal(fake->status, 11);
}

static void
reset_that_never_ends_times_out(void **state)
{
	struct fake_bus *fake = *state;
	struct timespec before, after;

	fake->reset_reads = -1;
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(vhr_virtio_start(&virtio, &fake->bus, 0), -ETIMEDOUT);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_non_null(strstr(virtio.reason.text, "0x0f"));
	assert_true(after.tv_sec - before.tv_sec >= 1 ||
		    after.tv_nsec - before.tv_nsec > 900000000l);
	fake->reset_reads = 0;
}

static void
stop_takes_bus_mastering_from_a_device_that_does_not_reset(void **state)
{
	struct fake_bus *fake = *state;

	start(state);
	assert_int_equal(fake->cfg[4] & 4, 4);
	fake->reset_reads = -1;
	vhr_virtio_stop(&virtio);
	assert_int_equal(fake->cfg[4] & 4, 0);
	fake->reset_reads = 0;
}

static void
stop_resets_and_may_be_repeated(void **state)
{
	struct fake_bus *fake = *state;
	unsigned int resets;

	start(state);
	resets = fake->resets;
	vhr_virtio_stop(&virtio);
	assert_int_equal(fake->resets, resets + 1);
	vhr_virtio_stop(&virtio);
	assert_int_equal(fake->resets, resets + 1);
	assert_int_equal(fake->cfg[4] & 4, 4);
}

static void
memory_and_bus_mastering_are_enabled_and_intx_is_not(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[4] = 1;
	start(state);
	assert_int_equal(fake->cfg[4], 7);
	assert_int_equal(fake->cfg[5], 4);
}

static void
version_1_is_required(void **state)
{
	struct fake_bus *fake = *state;

	fake->features = ACCESS_PLATFORM | 1;
	assert_int_equal(vhr_virtio_start(&virtio, &fake->bus, 0), -ENOTSUP);
	assert_non_null(strstr(virtio.reason.text, "VERSION_1"));
	assert_int_equal(fake->status & 0x80, 0x80);
}

static void
access_platform_is_taken_where_offered(void **state)
{
	struct fake_bus *fake = *state;

	start(state);
	assert_true(fake->driver_features == (VERSION_1 | ACCESS_PLATFORM));
	fake->features = VERSION_1;
	start(state);
	assert_true(fake->driver_features == VERSION_1);
	assert_true(virtio.features == VERSION_1);
}

static void
only_wanted_features_are_taken(void **state)
{
	struct fake_bus *fake = *state;

	fake->features |= 1ull << 28 | 1ull << 29 | 1ull << 63;
	assert_int_equal(vhr_virtio_start(&virtio, &fake->bus, 1ull << 29 | 1ull << 5), 0);
	assert_true(fake->driver_features == (VERSION_1 | ACCESS_PLATFORM | 1ull << 29));
}

static void
device_that_refuses_the_features_is_given_up(void **state)
{
	struct fake_bus *fake = *state;

	fake->refuse_features = true;
	assert_int_equal(vhr_virtio_start(&virtio, &fake->bus, 0), -ENOTSUP);
	assert_non_null(strstr(virtio.reason.text, "refused"));
	assert_int_equal(fake->status & 0x80, 0x80);
}

static void
needs_reset_is_seen(void **state)
{
	struct fake_bus *fake = *state;

	start(state);
	assert_false(vhr_virtio_needs_reset(&virtio));
	fake->status |= 0x40;
	assert_true(vhr_virtio_needs_reset(&virtio));
}

static void
config_vector_is_read_back(void **state)
{
	struct fake_bus *fake = *state;

	start(state);
	assert_int_equal(vhr_virtio_irq_enable(&virtio, 3), 0);
	assert_int_equal(virtio.vectors, 3);
	assert_int_equal(vhr_virtio_config_vector(&virtio, 2), 0);
	assert_int_equal(fake->config_vector, 2);
	fake->refuse_vectors = true;
	assert_int_equal(vhr_virtio_config_vector(&virtio, 1), -EIO);
	assert_non_null(strstr(virtio.reason.text, "0xffff"));
}

static void
vectors_are_no_more_than_the_table_has(void **state)
{
	struct fake_bus *fake = *state;

	start(state);
	virtio.caps.msix_vectors = 2;
	assert_int_equal(vhr_virtio_irq_enable(&virtio, 100), 0);
	assert_int_equal(virtio.vectors, 2);
	assert_int_equal(fake->vectors, 2);
}

static void
config_read_repeats_until_the_generation_is_stable(void **state)
{
	struct fake_bus *fake = *state;
	uint8_t bytes[16];

	start(state);
	fake->generation_moves = 5;
	assert_int_equal(vhr_virtio_config_read(&virtio, 8, bytes, sizeof(bytes)), 0);
	assert_int_equal(fake->generation_moves, 0);
	assert_int_equal(bytes[0], 0xa0);
	assert_int_equal(bytes[15], 0xaf);
}

static void
config_that_never_settles_is_an_error(void **state)
{
	struct fake_bus *fake = *state;
	uint8_t bytes[4];

	start(state);
	fake->generation_moves = 1u << 30;
	assert_int_equal(vhr_virtio_config_read(&virtio, 0, bytes, sizeof(bytes)), -EIO);
	assert_non_null(strstr(virtio.reason.text, "config_generation"));
}

static void
config_access_outside_the_capability_is_refused(void **state)
{
	uint8_t bytes[64] = { 0 };

	start(state);
	assert_int_equal(vhr_virtio_config_read(&virtio, 28, bytes, 4), 0);
	assert_int_equal(vhr_virtio_config_read(&virtio, 29, bytes, 4), -EINVAL);
	assert_int_equal(vhr_virtio_config_read(&virtio, 33, bytes, 0), -EINVAL);
	assert_int_equal(vhr_virtio_config_read(&virtio, UINT32_MAX, bytes, 4), -EINVAL);
	assert_int_equal(vhr_virtio_config_write(&virtio, 0, bytes, 33), -EINVAL);
}

static void
config_bytes_keep_their_order_at_any_alignment(void **state)
{
	struct fake_bus *fake = *state;
	static const uint8_t data[7] = { 1, 2, 3, 4, 5, 6, 7 };
	uint8_t bytes[7];

	start(state);
	assert_int_equal(vhr_virtio_config_write(&virtio, 9, data, sizeof(data)), 0);
	assert_memory_equal(fake->device_cfg + 9, data, sizeof(data));
	assert_int_equal(vhr_virtio_config_read(&virtio, 9, bytes, sizeof(bytes)), 0);
	assert_memory_equal(bytes, data, sizeof(data));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(status_bits_are_set_in_the_order_of_the_specification),
		T(reset_waits_until_the_status_reads_0),
		T(reset_that_never_ends_times_out),
		T(stop_takes_bus_mastering_from_a_device_that_does_not_reset),
		T(stop_resets_and_may_be_repeated),
		T(memory_and_bus_mastering_are_enabled_and_intx_is_not),
		T(version_1_is_required),
		T(access_platform_is_taken_where_offered),
		T(only_wanted_features_are_taken),
		T(device_that_refuses_the_features_is_given_up),
		T(needs_reset_is_seen),
		T(config_vector_is_read_back),
		T(vectors_are_no_more_than_the_table_has),
		T(config_read_repeats_until_the_generation_is_stable),
		T(config_that_never_settles_is_an_error),
		T(config_access_outside_the_capability_is_refused),
		T(config_bytes_keep_their_order_at_any_alignment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
