/* SPDX-License-Identifier: BSD-3-Clause */
#include "fixture.h"

static void fields_read_little_endian(void **state)
{
	static const uint8_t expected[VVU_CONFIG_SIZE] = {
		0, 0, 0, 0, 4, 0, 0, 0,
		0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17,
		0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
		0x00, 0x10, 0, 0, 0, 0, 0, 0
	};
	struct fixture *f = *state;
	uint8_t config[VVU_CONFIG_SIZE];
	unsigned int i;

	for (i = 0; i < sizeof(f->config.uuid); i++)
		f->config.uuid[i] = (uint8_t)(0x10 + i);
	fixture_recreate(f);
	vvu_device_config_read(f->device, 0, config, sizeof(config));
	assert_memory_equal(config, expected, sizeof(config));
}

static void bytes_past_the_end_read_as_zero(void **state)
{
	struct fixture *f = *state;
	uint8_t buf[8];

	memset(buf, 0xff, sizeof(buf));
	connect_frontend(f);
	vvu_device_config_read(f->device, VVU_CONFIG_EPOCH, buf, sizeof(buf));
	assert_memory_equal(buf, "\1\0\0\0\0\0\0\0", 8);
	memset(buf, 0xff, sizeof(buf));
	vvu_device_config_read(f->device, 0xfffffffcu, buf, sizeof(buf));
	assert_memory_equal(buf, "\0\0\0\0\0\0\0\0", 8);
}

static void status_written_byte_by_byte_works(void **state)
{
	struct fixture *f = *state;
	static const uint8_t bytes[4] = { VVU_STATUS_BACKEND_UP, 0, 0, 0 };
	uint32_t i;

	vvu_device_driver_ok(f->device);
	for (i = 0; i < 4; i++)
		vvu_device_config_write(f->device, VVU_CONFIG_STATUS + i, &bytes[i], 1);
	assert_true(vvu_device_accepts(f->device));
	assert_int_equal(f->needs_resets, 0);
}

static void status_written_high_byte_first_works(void **state)
{
	struct fixture *f = *state;
	static const uint8_t bytes[4] = { VVU_STATUS_BACKEND_UP, 0, 0, 0 };
	uint32_t i;

	vvu_device_driver_ok(f->device);
	for (i = 4; i-- > 0;)
		vvu_device_config_write(f->device, VVU_CONFIG_STATUS + i, &bytes[i], 1);
	assert_true(vvu_device_accepts(f->device));
}

static void write_of_other_status_bytes_changes_nothing(void **state)
{
	struct fixture *f = *state;
	uint8_t zero = 0;

	connect_frontend(f);
	vvu_device_config_write(f->device, VVU_CONFIG_STATUS + 1, &zero, 1);
	vvu_device_config_write(f->device, VVU_CONFIG_STATUS + 3, &zero, 1);
	assert_true(is_connected(f));
}

static void undefined_bit_in_any_status_byte_needs_reset(void **state)
{
	struct fixture *f = *state;
	uint8_t bad;
	uint32_t bit;

	for (bit = 2; bit < 32; bit++) {
		fixture_recreate(f);
		f->needs_resets = 0;
		bad = (uint8_t)(1u << bit % 8);
		vvu_device_config_write(f->device, VVU_CONFIG_STATUS + bit / 8, &bad, 1);
		assert_int_equal(f->needs_resets, 1);
		assert_string_equal(vvu_state_name(f->device->state), "broken");
	}
}

static void undefined_bit_disconnects_the_frontend(void **state)
{
	struct fixture *f = *state;

	connect_frontend(f);
	write_status(f, VVU_STATUS_BACKEND_UP | 0x10);
	assert_int_equal(f->closes, 1);
	assert_int_equal(f->needs_resets, 1);
	write_status(f, VVU_STATUS_BACKEND_UP);
	assert_false(vvu_device_accepts(f->device));
	vvu_device_reset(f->device);
	connect_frontend(f);
}

static void frontend_up_written_by_the_driver_is_ignored(void **state)
{
	struct fixture *f = *state;

	vvu_device_driver_ok(f->device);
	write_status(f, VVU_STATUS_FRONTEND_UP);
	assert_int_equal(read_status(f), 0);
	write_status(f, VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	assert_int_equal(read_status(f), VVU_STATUS_BACKEND_UP);
	assert_int_equal(f->needs_resets, 0);
}

static void other_fields_ignore_writes(void **state)
{
	struct fixture *f = *state;
	uint8_t before[VVU_CONFIG_SIZE], after[VVU_CONFIG_SIZE], junk[VVU_CONFIG_SIZE];

	memset(junk, 0xff, sizeof(junk));
	vvu_device_config_read(f->device, 0, before, sizeof(before));
	vvu_device_config_write(f->device, 4, junk, sizeof(junk));
	vvu_device_config_write(f->device, 0xffffffffu, junk, sizeof(junk));
	vvu_device_config_read(f->device, 0, after, sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(f->needs_resets, 0);
}

static void a_host_without_an_operation_is_told_which(void **state)
{
	static const struct vvu_host_ops none;
	struct fixture *f = *state;
	struct vvu_device *device;
	struct vhu_reason reason;

	assert_int_equal(vvu_device_create(&f->config, &none, f, &device, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "window_map"));
}

static void bad_configurations_are_refused(void **state)
{
	struct fixture *f = *state;
	struct vvu_device_config config;
	struct vvu_device *device;
	struct vhu_reason reason;

	config = f->config;
	config.max_vhost_queues = 257;
	assert_int_equal(vvu_device_create(&config, f->device->ops, f, &device, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "max_vhost_queues 257"));
	config = f->config;
	config.layout.log.length = 0;
	assert_int_equal(vvu_device_create(&config, f->device->ops, f, &device, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "shared memory 2"));
	config = f->config;
	config.protocol_features = PROTOCOL(PAGEFAULT);
	assert_int_equal(vvu_device_create(&config, f->device->ops, f, &device, &reason), -EINVAL);
	assert_non_null(strstr(reason.text, "0x100"));
}

static void zero_max_vhost_queues_means_256(void **state)
{
	struct fixture *f = *state;

	f->config.max_vhost_queues = 0;
	fixture_recreate(f);
	assert_int_equal(read_config32(f, VVU_CONFIG_MAX_VHOST_QUEUES), 256);
	f->config.max_vhost_queues = 256;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		device_test(fields_read_little_endian),
		device_test(bytes_past_the_end_read_as_zero),
		device_test(status_written_byte_by_byte_works),
		device_test(status_written_high_byte_first_works),
		device_test(write_of_other_status_bytes_changes_nothing),
		device_test(undefined_bit_in_any_status_byte_needs_reset),
		device_test(undefined_bit_disconnects_the_frontend),
		device_test(frontend_up_written_by_the_driver_is_ignored),
		device_test(other_fields_ignore_writes),
		device_test(a_host_without_an_operation_is_told_which),
		device_test(bad_configurations_are_refused),
		device_test(zero_max_vhost_queues_means_256),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
