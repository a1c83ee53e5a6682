/* SPDX-License-Identifier: BSD-3-Clause */
/* The device driver on a scripted function: bring-up, messages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake_bus.h"
#include "vhost-relay/vvu/vvu.h"
#include "vvu-device/layout.h"

static struct vhr_vvu vvu;

static int
setup(void **state)
{
	*state = fake_bus_modern(4);
	return 0;
}

static int
teardown(void **state)
{
	struct fake_bus *fake = *state;

	vhr_vvu_close(&vvu);
	assert_int_equal(fake->dma_live, 0);
	fake->bus.ops->close(&fake->bus);
	return 0;
}

static int
open_vvu(void **state, uint32_t id)
{
	struct fake_bus *fake = *state;

	return vhr_vvu_open(&vvu, &fake->bus, id, 0);
}

static void
set_pci_ids(struct fake_bus *fake, uint16_t vendor, uint16_t device, uint16_t subsystem)
{
	fake->cfg[0] = (uint8_t)vendor;
	fake->cfg[1] = (uint8_t)(vendor >> 8);
	fake->cfg[2] = (uint8_t)device;
	fake->cfg[3] = (uint8_t)(device >> 8);
	fake->cfg[0x2e] = (uint8_t)subsystem;
	fake->cfg[0x2f] = (uint8_t)(subsystem >> 8);
}

static void
open_reads_what_the_device_says(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(open_vvu(state, 0), 0);
	assert_int_equal(vvu.max_vhost_queues, 4);
	assert_int_equal(vvu.max_message_size, 4096);
	assert_true(vvu.has_epoch);
	assert_int_equal(vvu.uuid[0], 0xa0);
	assert_int_equal(vvu.uuid[15], 0xaf);
	assert_ptr_equal(vvu.window, fake->window);
	assert_int_equal(vvu.window_size, FAKE_WINDOW_SIZE);
	assert_int_equal(vvu.window_flags, VHR_MAP_CACHED);
	assert_int_equal(fake->status, 15);
}

static void
known_ids_are_recognised(void **state)
{
	static const uint16_t known[] = { 0x106b, 0x1058, 0x1075, 0x107d };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		set_pci_ids(*state, 0x1af4, known[i], 0);
		assert_int_equal(open_vvu(state, 0), 0);
		vhr_vvu_close(&vvu);
	}
}

static void
other_functions_are_refused(void **state)
{
	struct fake_bus *fake = *state;

	set_pci_ids(fake, 0x1af4, 0x1041, 0);
	assert_int_equal(open_vvu(state, 0), -ENODEV);
	assert_non_null(strstr(vvu.reason.text, "1af4:1041, virtio id 1"));
	set_pci_ids(fake, 0x8086, 0x106b, 0);
	assert_int_equal(open_vvu(state, 0), -ENODEV);
	set_pci_ids(fake, 0x1af4, 0x1080, 0);
	assert_int_equal(open_vvu(state, 0), -ENODEV);
	/* None of them was touched. */
	assert_int_equal(fake->num_status, 0);
}

static void
a_given_id_is_the_only_one(void **state)
{
	assert_int_equal(open_vvu(state, 50), -ENODEV);
	set_pci_ids(*state, 0x1af4, 0x1072, 0);
	assert_int_equal(open_vvu(state, 0), -ENODEV);
	assert_int_equal(open_vvu(state, 50), 0);
}

static void
transitional_function_needs_modern_capabilities(void **state)
{
	struct fake_bus *fake = *state;

	set_pci_ids(fake, 0x1af4, 0x1016, 43);
	assert_int_equal(open_vvu(state, 0), 0);
	vhr_vvu_close(&vvu);
	set_pci_ids(fake, 0x1af4, 0x1017, 24);
	assert_int_equal(open_vvu(state, 0), 0);
	vhr_vvu_close(&vvu);
	fake->cfg[0x06] = 0;
	assert_int_equal(open_vvu(state, 0), -ENODEV);
	assert_non_null(strstr(vvu.reason.text, "not a modern"));
}

static void
draft_configuration_has_no_epoch(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t status, epoch;

	/* The fourth capability is the device configuration: 24 bytes now. */
	fake->cfg[0x40 + 16 + 20 + 16 + 12] = 24;
	assert_int_equal(open_vvu(state, 0), 0);
	assert_false(vvu.has_epoch);
	assert_int_equal(vvu.max_message_size, VHU_MAX_MESSAGE);
	assert_int_equal(vhr_vvu_status(&vvu, &status, &epoch), 0);
	assert_int_equal(epoch, 0);
}

static void
configuration_shorter_than_the_draft_is_refused(void **state)
{
	struct fake_bus *fake = *state;

	fake->cfg[0x40 + 16 + 20 + 16 + 12] = 23;
	assert_int_equal(open_vvu(state, 0), -ENOTSUP);
	assert_non_null(strstr(vvu.reason.text, "length 23"));
}

static void
all_ones_behind_a_short_configuration_are_not_our_fields(void **state)
{
	struct fake_bus *fake = *state;

	memset(fake->device_cfg + 24, 0xff, 8);
	assert_int_equal(open_vvu(state, 0), 0);
	assert_false(vvu.has_epoch);
	assert_int_equal(vvu.max_message_size, VHU_MAX_MESSAGE);
}

static void
status_and_epoch_are_little_endian(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t status, epoch;

	assert_int_equal(open_vvu(state, 0), 0);
	fake->device_cfg[0] = 3;
	memcpy(fake->device_cfg + 28, "\x01\x02\x03\x04", 4);
	assert_int_equal(vhr_vvu_status(&vvu, &status, &epoch), 0);
	assert_int_equal(status, VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	assert_int_equal(epoch, 0x04030201);
}

static void
backend_up_writes_the_status(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(open_vvu(state, 0), 0);
	assert_int_equal(vhr_vvu_backend_up(&vvu, true), 0);
	assert_memory_equal(fake->device_cfg, "\x01\0\0\0", 4);
	assert_int_equal(vhr_vvu_backend_up(&vvu, false), 0);
	assert_memory_equal(fake->device_cfg, "\0\0\0\0", 4);
}

static void
max_vhost_queues_0_is_refused(void **state)
{
	struct fake_bus *fake = *state;

	fake_le32(fake->device_cfg + 4, 0);
	assert_int_equal(open_vvu(state, 0), -ENOTSUP);
	assert_non_null(strstr(vvu.reason.text, "max_vhost_queues"));
}

static void
window_is_required(void **state)
{
	struct fake_bus *fake = *state;

	fake->no_map = true;
	assert_int_equal(open_vvu(state, 0), -ENOTSUP);
	assert_non_null(strstr(vvu.reason.text, "window"));
	assert_int_equal(fake->status, 0);
}

static void
window_of_a_device_without_shmids_is_taken(void **state)
{
	struct fake_bus *fake = *state;
	uint8_t shm = fake->cfg[0x34];

	while (fake->cfg[shm] != 0x09 || fake->cfg[shm + 3] != 8)
		shm = fake->cfg[shm + 1];
	/* As in the published QEMU devices: 16 bytes, and a length that is not true. */
	fake->cfg[shm + 2] = 16;
	fake->cfg[shm + 5] = 0;
	fake_le32(fake->cfg + shm + 8, 0x3000);
	fake_le32(fake->cfg + shm + 12, 0x1000);
	assert_int_equal(open_vvu(state, 0), 0);
	assert_ptr_equal(vvu.window, fake->window + 0x3000);
	assert_int_equal(vvu.window_size, 0x20000 - 0x3000);
}

static void
failed_open_leaves_nothing_behind(void **state)
{
	struct fake_bus *fake = *state;

	fake->queue[1].size_max = 0;
	assert_int_equal(open_vvu(state, 0), -ENOTSUP);
	assert_int_equal(fake->dma_live, 0);
	assert_int_equal(fake->vectors, 0);
	assert_int_equal(fake->status, 0);
}

static void
close_may_be_repeated(void **state)
{
	struct fake_bus *fake = *state;
	struct vhu_msg msg;
	enum vhu_space space;

	assert_int_equal(open_vvu(state, 0), 0);
	vhr_vvu_close(&vvu);
	vhr_vvu_close(&vvu);
	assert_int_equal(fake->status, 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), -EIO);
	assert_int_equal(vhr_vvu_config_fd(&vvu), -1);
}

/* SET_VRING_NUM, index 2, num 0x102, as it lies in memory. */
static const uint8_t set_vring_num[20] = {
	8, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0, 2, 0, 0, 0, 0x02, 0x01, 0, 0,
};

/* Published drivers took rxq messages and sent txq messages in the host's own order. */
static void
defect_no_le_conversion_rxq(void **state)
{
	struct vhu_msg msg;
	enum vhu_space space;

	assert_int_equal(open_vvu(state, 0), 0);
	assert_int_equal(fake_rxq_put(*state, set_vring_num, sizeof(set_vring_num)), 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), 1);
	assert_int_equal(space, VHU_SPACE_FRONTEND);
	assert_int_equal(msg.hdr.request, VHU_SET_VRING_NUM);
	assert_int_equal(msg.state.index, 2);
	assert_int_equal(msg.state.num, 0x102);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), 0);
}

static void
defect_no_le_conversion_txq(void **state)
{
	static const uint8_t expected[20] = {
		1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1,
	};
	struct vhu_msg msg = { .hdr = { VHU_GET_FEATURES, VHU_VERSION, 0 } };
	uint8_t bytes[64];

	assert_int_equal(open_vvu(state, 0), 0);
	vhu_reply_init(&msg, &msg, 8);
	msg.u64 = 0x0102030405060708ull;
	assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_FRONTEND, &msg), 0);
	assert_int_equal(fake_txq_get(*state, bytes, sizeof(bytes)), sizeof(expected));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

/*
 * Published drivers dropped what came on rxq until they had seen FRONTEND_UP. The draft
 * says that a message may come first.
 */
static void
defect_rxq_before_config_interrupt(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t status, epoch;
	struct vhu_msg msg;
	enum vhu_space space;

	assert_int_equal(open_vvu(state, 0), 0);
	assert_int_equal(vhr_vvu_backend_up(&vvu, true), 0);
	assert_int_equal(fake_rxq_put(fake, set_vring_num, sizeof(set_vring_num)), 0);
	assert_int_equal(vhr_vvu_status(&vvu, &status, &epoch), 0);
	assert_int_equal(status & VVU_STATUS_FRONTEND_UP, 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), 1);
	assert_int_equal(msg.hdr.request, VHU_SET_VRING_NUM);
}

/* Published drivers called abort() on a message whose size was not right. */
static void
defect_abort_on_bad_message_size(void **state)
{
	uint8_t bad[sizeof(set_vring_num)];
	struct vhu_msg msg;
	enum vhu_space space;

	assert_int_equal(open_vvu(state, 0), 0);
	memcpy(bad, set_vring_num, sizeof(bad));
	bad[8] = 9;
	assert_int_equal(fake_rxq_put(*state, bad, sizeof(bad)), 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), -EMSGSIZE);
	assert_non_null(strstr(vvu.reason.text, "SET_VRING_NUM"));
	assert_int_equal(fake_rxq_put(*state, set_vring_num, sizeof(set_vring_num) - 1), 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), -EBADMSG);
	assert_int_equal(fake_rxq_put(*state, set_vring_num, 11), 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), -EBADMSG);
	assert_non_null(strstr(vvu.reason.text, "11 bytes"));
	/* None of it keeps the next message away. */
	assert_int_equal(fake_rxq_put(*state, set_vring_num, sizeof(set_vring_num)), 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), 1);
}

static void
empty_message_is_refused(void **state)
{
	struct fake_bus *fake = *state;
	struct vhu_msg msg;
	enum vhu_space space;

	assert_int_equal(open_vvu(state, 0), 0);
	fake_used_raw(fake, 0, (uint32_t)fake_avail(fake, 0), 0, 1);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), -EBADMSG);
}

static void
reply_on_rxq_is_in_the_backends_space(void **state)
{
	static const uint8_t ack[20] = { 2, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0 };
	struct vhu_msg msg;
	enum vhu_space space;

	assert_int_equal(open_vvu(state, 0), 0);
	assert_int_equal(fake_rxq_put(*state, ack, sizeof(ack)), 0);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), 1);
	assert_int_equal(space, VHU_SPACE_BACKEND);
	assert_int_equal(msg.hdr.request, VHU_BACKEND_CONFIG_CHANGE_MSG);
	assert_int_equal(msg.u64, 0);
}

static void
reply_flag_and_space_must_agree_on_txq(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_BACKEND_CONFIG_CHANGE_MSG, VHU_VERSION, 0 } };
	uint8_t bytes[64];

	assert_int_equal(open_vvu(state, 0), 0);
	assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_FRONTEND, &msg), -EINVAL);
	assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_BACKEND, &msg), 0);
	assert_int_equal(fake_txq_get(*state, bytes, sizeof(bytes)), 12);
	msg.hdr.flags |= VHU_FLAG_REPLY;
	assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_BACKEND, &msg), -EINVAL);
	assert_int_equal(fake_txq_get(*state, bytes, sizeof(bytes)), -1);
}

static void
message_beyond_max_message_size_is_not_sent(void **state)
{
	struct fake_bus *fake = *state;
	struct vhu_msg msg = { .hdr = { VHU_GET_SHMEM_CONFIG, VHU_VERSION, 0 } };

	fake_le32(fake->device_cfg + 24, 512);
	assert_int_equal(open_vvu(state, 0), 0);
	vhu_reply_init(&msg, &msg, sizeof(msg.shmem));
	assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_FRONTEND, &msg), -EMSGSIZE);
	assert_non_null(strstr(vvu.reason.text, "max_message_size is 512"));
}

static void
full_txq_says_try_again(void **state)
{
	struct vhu_msg msg = { .hdr = { VHU_GET_FEATURES, VHU_VERSION, 0 } };
	uint8_t bytes[64];
	unsigned int i;

	assert_int_equal(open_vvu(state, 0), 0);
	vhu_reply_init(&msg, &msg, 8);
	for (i = 0; i < 64; i++)
		assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_FRONTEND, &msg), 0);
	assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_FRONTEND, &msg), -EAGAIN);
	assert_int_equal(fake_txq_get(*state, bytes, sizeof(bytes)), 20);
	assert_int_equal(vhr_vvu_send(&vvu, VHU_SPACE_FRONTEND, &msg), 0);
}

static void
broken_virtqueue_is_the_devices_fault(void **state)
{
	struct vhu_msg msg;
	enum vhu_space space;

	assert_int_equal(open_vvu(state, 0), 0);
	fake_used_raw(*state, 0, 64, 12, 1);
	assert_int_equal(vhr_vvu_receive(&vvu, &msg, &space), -EIO);
	assert_non_null(strstr(vvu.reason.text, "virtqueue 0"));
}

static void
rxq_has_64_buffers_of_max_message_size(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t len;
	uint16_t flags;
	int id, count = 0;

	fake_le32(fake->device_cfg + 24, 8192);
	assert_int_equal(open_vvu(state, 0), 0);
	while ((id = fake_avail(fake, 0)) >= 0) {
		assert_non_null(fake_buffer(fake, 0, (uint16_t)id, &len, &flags));
		assert_int_equal(len, 8192);
		count++;
	}
	assert_int_equal(count, 64);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(open_reads_what_the_device_says),
		T(known_ids_are_recognised),
		T(other_functions_are_refused),
		T(a_given_id_is_the_only_one),
		T(transitional_function_needs_modern_capabilities),
		T(draft_configuration_has_no_epoch),
		T(configuration_shorter_than_the_draft_is_refused),
		T(all_ones_behind_a_short_configuration_are_not_our_fields),
		T(status_and_epoch_are_little_endian),
		T(backend_up_writes_the_status),
		T(max_vhost_queues_0_is_refused),
		T(window_is_required),
		T(window_of_a_device_without_shmids_is_taken),
		T(failed_open_leaves_nothing_behind),
		T(close_may_be_repeated),
		cmocka_unit_test_setup_teardown(defect_no_le_conversion_rxq, setup, teardown),
		cmocka_unit_test_setup_teardown(defect_no_le_conversion_txq, setup, teardown),
		cmocka_unit_test_setup_teardown(defect_rxq_before_config_interrupt, setup,
						teardown),
		cmocka_unit_test_setup_teardown(defect_abort_on_bad_message_size, setup, teardown),
		T(empty_message_is_refused),
		T(reply_on_rxq_is_in_the_backends_space),
		T(reply_flag_and_space_must_agree_on_txq),
		T(message_beyond_max_message_size_is_not_sent),
		T(full_txq_says_try_again),
		T(broken_virtqueue_is_the_devices_fault),
		T(rxq_has_64_buffers_of_max_message_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
