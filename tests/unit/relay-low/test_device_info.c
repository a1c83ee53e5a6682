/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session tells of its function, and of the function's registers. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_bus.h"
#include "vhost-relay/vhr.h"

#define QUEUES		6u
#define RINGS		4u
#define NEEDS_RESET	0x40u

static struct fake_bus *fake;
static struct vhr_session *session;

static const struct vhr_ops ops = { 0 };

static int
setup(void **state)
{
	const struct vhr_config config = { .ops = &ops,
					   .max_rings = RINGS,
					   .queue_num = RINGS / 2 };
	struct vhu_reason reason = { "" };

	fake = fake_bus_modern(QUEUES);
	if (vhr_open(&fake->bus, &config, &session, &reason) < 0)
		fail_msg("vhr_open: %s", reason.text);
	return 0;
}

static int
teardown(void **state)
{
	vhr_close(session);
	return 0;
}

/* The device breaks, and the session gives it up until its timer fires. */
static void
fail_device(void)
{
	uint64_t one = 1;

	fake->status |= NEEDS_RESET;
	assert_int_equal(write(fake->irq_fd[0], &one, sizeof(one)), sizeof(one));
	assert_true(vhr_run(session) >= 0);
	assert_non_null(strstr(vhr_last_error(session), "DEVICE_NEEDS_RESET"));
}

static void
info_is_what_the_function_shows(void **state)
{
	struct vhr_device_info info;

	fake->cfg[8] = 3;
	vhr_device_info(session, &info);
	assert_int_equal(info.pci_vendor, 0x1af4);
	assert_int_equal(info.pci_device, 0x106b);
	assert_int_equal(info.pci_revision, 3);
	assert_int_equal(info.uuid[0], 0xa0);
	assert_int_equal(info.uuid[15], 0xaf);
	assert_int_equal(info.max_vhost_queues, QUEUES);
	assert_int_equal(info.max_message_size, 4096);
	assert_int_equal(info.vectors, fake->vectors);
	assert_int_equal(info.kick_vectors, RINGS);
	assert_ptr_equal(info.window, fake->window);
	assert_true(info.window_size == FAKE_WINDOW_SIZE);
}

static void
ids_that_cannot_be_read_are_all_ones(void **state)
{
	struct vhr_device_info info;

	fake->cfg_broken = true;
	vhr_device_info(session, &info);
	assert_int_equal(info.pci_vendor, 0xffff);
	assert_int_equal(info.pci_device, 0xffff);
	assert_int_equal(info.pci_revision, 0xff);
	assert_int_equal(info.uuid[0], 0xa0);
}

static void
of_a_device_that_is_closed_there_are_only_the_ids(void **state)
{
	const struct vhr_device_info closed = {
		.pci_vendor = 0x1af4, .pci_device = 0x106b, .pci_revision = 1,
	};
	struct vhr_device_info info;
	struct vhr_registers registers;
	unsigned int i;

	fail_device();
	vhr_device_info(session, &info);
	assert_memory_equal(&info, &closed, sizeof(info));
	vhr_device_registers(session, &registers);
	for (i = 0; i < VHR_COMMON_WORDS; i++)
		assert_int_equal(registers.common[i], UINT32_MAX);
	for (i = 0; i < VHR_CONFIG_WORDS; i++)
		assert_int_equal(registers.config[i], UINT32_MAX);
}

/* The fake answers with the field at an offset alone, whatever the width. */
static void
registers_of_the_common_configuration_are_read_one_by_one(void **state)
{
	struct vhr_registers registers;

	fake->device_select = 1;
	fake->config_vector = 0x0102;
	fake->num_queues = 0x0304;
	fake->generation = 0x55;
	fake->queue_select = 1;
	fake->queue[1].size = 0x0506;
	fake->queue[1].vector = 0x0708;
	fake->queue[1].enable = 0x090a;
	fake->queue[1].notify_off = 0x0b0c;
	vhr_device_registers(session, &registers);
	assert_int_equal(registers.common[1], 3);	/* device_feature: VERSION_1, ... */
	assert_int_equal(registers.common[4], 0x03040102);
	/* Status, generation; the fake shows no queue_select. */
	assert_int_equal(registers.common[5], 0x550f);
	assert_int_equal(registers.common[6], 0x07080506);
	assert_int_equal(registers.common[7], 0x0b0c090a);
	assert_int_equal(registers.common[13], 0);
}

static void
registers_of_the_device_are_its_configuration_space(void **state)
{
	struct vhr_registers registers;

	vhr_device_registers(session, &registers);
	assert_int_equal(registers.config[1], QUEUES);
	assert_int_equal(registers.config[2], 0xa3a2a1a0);
	assert_int_equal(registers.config[5], 0xafaeadac);
	assert_int_equal(registers.config[6], 4096);
	assert_int_equal(registers.config[7], 7);
}

#define SESSION(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION(info_is_what_the_function_shows),
		SESSION(ids_that_cannot_be_read_are_all_ones),
		SESSION(of_a_device_that_is_closed_there_are_only_the_ids),
		SESSION(registers_of_the_common_configuration_are_read_one_by_one),
		SESSION(registers_of_the_device_are_its_configuration_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
