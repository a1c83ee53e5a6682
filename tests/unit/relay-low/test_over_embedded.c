/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole lower stack on a device in this process: a frontend's socket at one end,
 * vhr_vvu_... at the other.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "embedded_stack.h"

#define MEMORY_SIZE	0x10000u

static void
open_shows_what_was_configured(void **state)
{
	struct stack *stack = *state;
	unsigned int i;

	stack_open(stack);
	assert_int_equal(stack->vvu.max_vhost_queues, 4);
	assert_int_equal(stack->vvu.max_message_size, VHU_MAX_MESSAGE);
	assert_true(stack->vvu.has_epoch);
	for (i = 0; i < 16; i++)
		assert_int_equal(stack->vvu.uuid[i], 0x5a);
	assert_true(stack->vvu.window_size > 32u << 20);
	assert_int_equal(stack->vvu.window_flags, VHR_MAP_CACHED | VHR_MAP_PAGE_BACKED);
	assert_true(stack->vvu.virtio.features == (1ull << 32 | 1ull << 33));
	assert_int_equal(stack->vvu.virtio.vectors, 7);
	assert_int_equal(stack->vvu.kick_vectors, 4);
	assert_false(vhr_virtio_needs_reset(&stack->vvu.virtio));
	assert_non_null(vhr_bus_embedded_device(stack->bus));
	assert_string_equal(stack->bus->name, stack->path);
}

static void
all_capabilities_are_where_the_contract_puts_them(void **state)
{
	struct stack *stack = *state;
	const struct vhr_pci_caps *caps = &stack->vvu.virtio.caps;

	stack_open(stack);
	assert_int_equal(caps->shm[VVU_SHMID_MEMORY].bar, VVU_BAR_WINDOW);
	assert_int_equal(caps->shm[VVU_SHMID_MEMORY].offset, 0);
	assert_int_equal(caps->shm_cap_len[VVU_SHMID_MEMORY], 24);
	assert_true(caps->shm[VVU_SHMID_LOG].present);
	assert_true(caps->shm[VVU_SHMID_INFLIGHT].present);
	assert_int_equal(caps->doorbell.bar, VVU_BAR_WINDOW);
	assert_int_equal(caps->doorbell_multiplier, 4);
	assert_int_equal(caps->kick_vector.bar, VVU_BAR_WINDOW);
	assert_int_equal(caps->kick_vector.offset, (64u << 20) - VVU_PAGE_SIZE);
	assert_int_equal(caps->common.bar, VVU_BAR_VIRTIO);
	assert_int_equal(caps->device.length, VVU_CONFIG_SIZE);
	assert_int_equal(caps->msix_vectors, 7);
}

static void
virtio_id_is_a_property_of_both_sides(void **state)
{
	struct stack *stack = *state;
	struct vhu_reason reason;

	stack->config.virtio_id = 50;
	assert_int_equal(vhr_bus_embedded_open(&stack->config, &stack->bus, &reason), 0);
	assert_int_equal(vhr_vvu_open(&stack->vvu, stack->bus, 0, 0), -ENODEV);
	assert_int_equal(vhr_vvu_open(&stack->vvu, stack->bus, 50, 0), 0);
}

static void
connection_raises_status_epoch_and_the_config_interrupt(void **state)
{
	struct stack *stack = *state;
	uint32_t status, before, after;
	int fd;

	stack_open(stack);
	fd = vhr_vvu_config_fd(&stack->vvu);
	assert_true(fd >= 0);
	eventfd_drain(fd);
	assert_int_equal(vhr_vvu_status(&stack->vvu, &status, &before), 0);
	assert_int_equal(vhr_vvu_backend_up(&stack->vvu, true), 0);
	stack_connect(stack);
	assert_true(eventfd_drain(fd) >= 1);
	assert_int_equal(vhr_vvu_status(&stack->vvu, &status, &after), 0);
	assert_int_equal(status, VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	assert_int_equal(after, before + 1);
}

static void
frontend_that_leaves_clears_both_bits(void **state)
{
	struct stack *stack = *state;

	stack_open_connected(stack);
	eventfd_drain(vhr_vvu_config_fd(&stack->vvu));
	close(stack->frontend);
	stack->frontend = -1;
	stack_run_until(stack, frontend_is_gone, NULL);
	assert_true(eventfd_drain(vhr_vvu_config_fd(&stack->vvu)) >= 1);
}

static void
clearing_backend_up_closes_the_socket(void **state)
{
	struct stack *stack = *state;
	char byte;

	stack_open_connected(stack);
	assert_int_equal(vhr_vvu_backend_up(&stack->vvu, false), 0);
	stack_run_until(stack, fd_is_readable, &stack->frontend);
	assert_int_equal(recv(stack->frontend, &byte, 1, 0), 0);
}

static void
request_travels_to_receive_and_its_reply_to_the_socket(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;

	stack_open_connected(stack);
	eventfd_drain(vhr_vvu_rxq_fd(&stack->vvu));
	request_init(&msg, VHU_GET_FEATURES, 0);
	stack_pass(stack, &msg, -1, &received);
	assert_true(eventfd_drain(vhr_vvu_rxq_fd(&stack->vvu)) >= 1);
	assert_int_equal(received.msg.hdr.size, 0);
	stack_answer_u64(stack, &received, 1ull << 32 | 1ull << 15, &msg);
	assert_true(msg.u64 == (1ull << 32 | 1ull << 15));
}

static void
defect_rxq_before_config_interrupt_over_embedded(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;

	/* Nobody looks at the status or the config interrupt before the message. */
	stack_open(stack);
	assert_int_equal(vhr_vvu_backend_up(&stack->vvu, true), 0);
	stack->frontend = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	{
		struct sockaddr_un address = { .sun_family = AF_UNIX };

		snprintf(address.sun_path, sizeof(address.sun_path), "%s", stack->path);
		assert_int_equal(connect(stack->frontend, (struct sockaddr *)&address,
					 sizeof(address)), 0);
	}
	request_init(&msg, VHU_GET_FEATURES, 0);
	stack_pass(stack, &msg, -1, &received);
	stack_answer_u64(stack, &received, 1ull << 32, &msg);
	assert_true(msg.u64 == 1ull << 32);
}

static void
more_messages_than_rxq_has_buffers_arrive(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	uint32_t i;

	stack_open_connected(stack);
	request_init(&msg, VHU_SET_VRING_NUM, 8);
	for (i = 0; i < 150; i++) {
		msg.state.index = i % 4;
		msg.state.num = i;
		frontend_send(stack, &msg, -1);
	}
	for (i = 0; i < 150; i++) {
		stack_run_until(stack, message_is_there, &received);
		assert_int_equal(received.msg.state.index, i % 4);
		assert_int_equal(received.msg.state.num, i);
	}
}

static void
call_doorbell_signals_the_frontends_eventfd(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	int call = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	stack_open_connected(stack);
	vhr_vvu_doorbell(&stack->vvu, VVU_DOORBELL_CALL(4, 2));
	request_init(&msg, VHU_SET_VRING_CALL, 8);
	msg.u64 = 2;
	stack_pass(stack, &msg, call, &received);
	assert_int_equal(eventfd_drain(call), 0);
	vhr_vvu_doorbell(&stack->vvu, VVU_DOORBELL_CALL(4, 2));
	vhr_vvu_doorbell(&stack->vvu, VVU_DOORBELL_CALL(4, 1));
	stack_run_until(stack, fd_is_readable, &call);
	assert_true(eventfd_drain(call) != 0);
	close(call);
}

static void
err_doorbell_signals_the_frontends_eventfd(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	int err = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	stack_open_connected(stack);
	request_init(&msg, VHU_SET_VRING_ERR, 8);
	msg.u64 = 3;
	stack_pass(stack, &msg, err, &received);
	vhr_vvu_doorbell(&stack->vvu, VVU_DOORBELL_ERR(4, 3));
	stack_run_until(stack, fd_is_readable, &err);
	assert_true(eventfd_drain(err) != 0);
	close(err);
}

static void
kick_reaches_the_fd_of_its_vector(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	uint64_t one = 1;
	int kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), fd, other;

	stack_open_connected(stack);
	fd = vhr_vvu_kick_fd(&stack->vvu, 1);
	other = vhr_vvu_kick_fd(&stack->vvu, 0);
	assert_true(fd >= 0 && other >= 0 && fd != other);
	eventfd_drain(fd);
	eventfd_drain(other);
	request_init(&msg, VHU_SET_VRING_KICK, 8);
	msg.u64 = 1;
	stack_pass(stack, &msg, kick, &received);
	assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
	stack_run_until(stack, fd_is_readable, &fd);
	assert_true(eventfd_drain(fd) >= 1);
	assert_int_equal(eventfd_drain(other), 0);
	close(kick);
}

static void
kick_before_its_vector_is_bound_is_not_lost(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	uint64_t one = 1;
	unsigned int i;
	int kick = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), fd;

	stack_open_connected(stack);
	request_init(&msg, VHU_SET_VRING_KICK, 8);
	stack_pass(stack, &msg, kick, &received);
	assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
	for (i = 0; i < 10; i++)
		stack->bus->ops->run(stack->bus);
	fd = vhr_vvu_kick_fd(&stack->vvu, 0);
	assert_true(fd >= 0);
	stack_run_until(stack, fd_is_readable, &fd);
	vhr_vvu_kick_release(&stack->vvu, 0);
	close(kick);
}

static void
frontend_memory_is_in_the_window(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	int memory = memfd_create("memory", MFD_CLOEXEC);
	char *theirs, *ours;

	assert_int_equal(ftruncate(memory, 2 * MEMORY_SIZE), 0);
	theirs = mmap(NULL, 2 * MEMORY_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
	assert_ptr_not_equal(theirs, MAP_FAILED);
	strcpy(theirs, "not in the table");
	strcpy(theirs + MEMORY_SIZE, "from the frontend");
	stack_open_connected(stack);
	request_init(&msg, VHU_SET_MEM_TABLE, 8 + 32);
	msg.table.nregions = 1;
	msg.table.region[0] = (struct vhu_mem_region){
		.guest_addr = 0x100000, .size = MEMORY_SIZE, .user_addr = 0x7f0000000000ull,
		.mmap_offset = MEMORY_SIZE,
	};
	stack_pass(stack, &msg, memory, &received);
	assert_true(received.msg.table.region[0].user_addr == 0x7f0000000000ull);
	assert_int_equal(received.msg.table.region[0].mmap_offset, 0);
	ours = stack->vvu.window;
	assert_string_equal(ours, "from the frontend");
	strcpy(ours + 0x1000, "from the backend");
	assert_string_equal(theirs + MEMORY_SIZE + 0x1000, "from the backend");
	munmap(theirs, 2 * MEMORY_SIZE);
	close(memory);
}

static void
reopened_device_serves_the_next_frontend(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	unsigned int round;
	char byte;

	stack_open_connected(stack);
	for (round = 0; round < 20; round++) {
		request_init(&msg, VHU_GET_FEATURES, 0);
		stack_pass(stack, &msg, -1, &received);
		stack_answer_u64(stack, &received, round, &msg);
		assert_int_equal(msg.u64 & 0xff, round);
		vhr_vvu_close(&stack->vvu);
		stack_run_until(stack, fd_is_readable, &stack->frontend);
		assert_int_equal(recv(stack->frontend, &byte, 1, 0), 0);
		close(stack->frontend);
		stack->frontend = -1;
		assert_int_equal(vhr_vvu_open(&stack->vvu, stack->bus, 0, 0), 0);
		assert_int_equal(vhr_vvu_backend_up(&stack->vvu, true), 0);
		stack_connect(stack);
	}
}

static void
few_vectors_are_enough(void **state)
{
	struct stack *stack = *state;
	struct received received;
	struct vhu_msg msg;
	unsigned int vectors;

	for (vectors = 1; vectors <= 4; vectors++) {
		stack->config.vectors = vectors;
		stack_open_connected(stack);
		assert_int_equal(stack->vvu.virtio.vectors, vectors);
		eventfd_drain(vhr_vvu_rxq_fd(&stack->vvu));
		request_init(&msg, VHU_GET_FEATURES, 0);
		stack_pass(stack, &msg, -1, &received);
		assert_true(eventfd_drain(vhr_vvu_rxq_fd(&stack->vvu)) >= 1);
		if (vectors == 1)
			assert_int_equal(vhr_vvu_kick_fd(&stack->vvu, 0), -ENOSPC);
		else
			assert_true(vhr_vvu_kick_fd(&stack->vvu, 3) >= 0);
		close(stack->frontend);
		stack->frontend = -1;
		vhr_vvu_close(&stack->vvu);
		stack->bus->ops->close(stack->bus);
		stack->bus = NULL;
	}
}

static void
bus_close_frees_what_was_not(void **state)
{
	struct stack *stack = *state;
	unsigned char resident;
	struct vhr_dma dma;

	stack_open_connected(stack);
	assert_int_equal(stack->bus->ops->dma_alloc(stack->bus, 100, &dma), 0);
	assert_true(dma.size >= 100);
	assert_true(dma.iova != (uint64_t)(uintptr_t)dma.va);
	assert_int_equal(mincore(dma.va, 1, &resident), 0);
	vhr_vvu_close(&stack->vvu);
	stack->bus->ops->close(stack->bus);
	stack->bus = NULL;
	assert_int_equal(mincore(dma.va, 1, &resident), -1);
	assert_int_equal(errno, ENOMEM);
}

static void
bad_bus_configuration_is_told(void **state)
{
	struct stack *stack = *state;
	struct vhu_reason reason = { "" };

	stack->config.bar_size = 12345;
	assert_int_equal(vhr_bus_embedded_open(&stack->config, &stack->bus, &reason), -EINVAL);
	assert_string_not_equal(reason.text, "");
	assert_null(stack->bus);
}

#define T(name) cmocka_unit_test_setup_teardown(name, stack_setup, stack_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(open_shows_what_was_configured),
		T(all_capabilities_are_where_the_contract_puts_them),
		T(virtio_id_is_a_property_of_both_sides),
		T(connection_raises_status_epoch_and_the_config_interrupt),
		T(frontend_that_leaves_clears_both_bits),
		T(clearing_backend_up_closes_the_socket),
		T(request_travels_to_receive_and_its_reply_to_the_socket),
		cmocka_unit_test_setup_teardown(defect_rxq_before_config_interrupt_over_embedded,
						stack_setup, stack_teardown),
		T(more_messages_than_rxq_has_buffers_arrive),
		T(call_doorbell_signals_the_frontends_eventfd),
		T(err_doorbell_signals_the_frontends_eventfd),
		T(kick_reaches_the_fd_of_its_vector),
		T(kick_before_its_vector_is_bound_is_not_lost),
		T(frontend_memory_is_in_the_window),
		T(reopened_device_serves_the_next_frontend),
		T(few_vectors_are_enough),
		T(bus_close_frees_what_was_not),
		T(bad_bus_configuration_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
