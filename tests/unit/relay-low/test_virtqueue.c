/* SPDX-License-Identifier: BSD-3-Clause */
/* Driver side of the virtqueues, and what a hostile device can write into them. */
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

#define RXQ		0
#define TXQ		1
#define BUFFERS		8
#define BUFFER_SIZE	256
#define NO_VECTOR	0xffff

static struct vhr_virtio virtio;

static int
setup(void **state)
{
	struct fake_bus *fake = fake_bus_modern(4);

	assert_int_equal(vhr_virtio_start(&virtio, &fake->bus, 0), 0);
	assert_int_equal(vhr_virtio_irq_enable(&virtio, 4), 0);
	*state = fake;
	return 0;
}

static int
teardown(void **state)
{
	struct fake_bus *fake = *state;

	vhr_virtio_stop(&virtio);
	assert_int_equal(fake->dma_live, 0);
	fake->bus.ops->close(&fake->bus);
	return 0;
}

static void
make_queues(void)
{
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, BUFFERS, BUFFER_SIZE, 1), 0);
	assert_int_equal(vhr_virtqueue_create(&virtio, TXQ, false, BUFFERS, BUFFER_SIZE, 2), 0);
	assert_int_equal(vhr_virtio_driver_ok(&virtio), 0);
}

static int
receive(void *buf, size_t cap)
{
	return vhr_virtqueue_receive(virtio.queue[RXQ], buf, cap);
}

static void
rxq_starts_with_all_buffers_posted(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t len;
	uint16_t flags;
	int id, count = 0;

	make_queues();
	while ((id = fake_avail(fake, RXQ)) >= 0) {
		assert_non_null(fake_buffer(fake, RXQ, (uint16_t)id, &len, &flags));
		assert_int_equal(len, BUFFER_SIZE);
		assert_int_equal(flags, 2);
		count++;
	}
	assert_int_equal(count, BUFFERS);
	assert_int_equal(fake->queue[RXQ].size, BUFFERS);
	assert_int_equal(fake->queue[RXQ].vector, 1);
	assert_int_equal(fake->queue[TXQ].vector, 2);
}

static void
nothing_is_notified_before_driver_ok(void **state)
{
	struct fake_bus *fake = *state;

	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, BUFFERS, BUFFER_SIZE, 1), 0);
	assert_int_equal(fake->queue[RXQ].notified, 0);
	assert_int_equal(vhr_virtio_driver_ok(&virtio), 0);
	assert_int_equal(fake->queue[RXQ].notified, 1);
}

static void
messages_arrive_whole_and_in_order(void **state)
{
	struct fake_bus *fake = *state;
	char buf[BUFFER_SIZE];

	make_queues();
	assert_int_equal(receive(buf, sizeof(buf)), 0);
	assert_int_equal(fake_rxq_put(fake, "first", 6), 0);
	assert_int_equal(fake_rxq_put(fake, "second!", 8), 0);
	assert_int_equal(receive(buf, sizeof(buf)), 6);
	assert_string_equal(buf, "first");
	assert_int_equal(receive(buf, sizeof(buf)), 8);
	assert_string_equal(buf, "second!");
	assert_int_equal(receive(buf, sizeof(buf)), 0);
}

static void
buffers_go_round_past_the_wrap_of_the_index(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t i, got;

	make_queues();
	for (i = 1; i <= 70000; i++) {
		assert_int_equal(fake_rxq_put(fake, &i, sizeof(i)), 0);
		assert_int_equal(receive(&got, sizeof(got)), sizeof(got));
		assert_int_equal(got, i);
		assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &i, sizeof(i)), 0);
		assert_int_equal(fake_txq_get(fake, &got, sizeof(got)), sizeof(got));
		assert_int_equal(got, i);
	}
}

static void
buffers_may_come_back_in_any_order(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t len;
	uint16_t flags;
	char buf[BUFFER_SIZE];
	int a, b;

	make_queues();
	a = fake_avail(fake, RXQ);
	b = fake_avail(fake, RXQ);
	strcpy(fake_buffer(fake, RXQ, (uint16_t)b, &len, &flags), "b");
	fake_used_raw(fake, RXQ, (uint32_t)b, 2, 1);
	strcpy(fake_buffer(fake, RXQ, (uint16_t)a, &len, &flags), "a");
	fake_used_raw(fake, RXQ, (uint32_t)a, 2, 1);
	assert_int_equal(receive(buf, sizeof(buf)), 2);
	assert_string_equal(buf, "b");
	assert_int_equal(receive(buf, sizeof(buf)), 2);
	assert_string_equal(buf, "a");
}

static void
used_length_beyond_the_buffer_is_refused(void **state)
{
	struct fake_bus *fake = *state;
	char buf[4096];

	make_queues();
	fake_used_raw(fake, RXQ, (uint32_t)fake_avail(fake, RXQ), BUFFER_SIZE + 1, 1);
	assert_int_equal(receive(buf, sizeof(buf)), -EMSGSIZE);
	fake_used_raw(fake, RXQ, (uint32_t)fake_avail(fake, RXQ), UINT32_MAX, 1);
	assert_int_equal(receive(buf, sizeof(buf)), -EMSGSIZE);
	/* The queue goes on. */
	assert_int_equal(fake_rxq_put(fake, "x", 2), 0);
	assert_int_equal(receive(buf, sizeof(buf)), 2);
}

static void
message_larger_than_the_callers_room_is_refused(void **state)
{
	struct fake_bus *fake = *state;
	char buf[4];

	make_queues();
	assert_int_equal(fake_rxq_put(fake, "12345", 5), 0);
	assert_int_equal(receive(buf, sizeof(buf)), -EMSGSIZE);
}

static void
used_length_0_is_told_apart_from_nothing(void **state)
{
	struct fake_bus *fake = *state;
	char buf[4];

	make_queues();
	fake_used_raw(fake, RXQ, (uint32_t)fake_avail(fake, RXQ), 0, 1);
	assert_int_equal(receive(buf, sizeof(buf)), -EBADMSG);
	assert_int_equal(receive(buf, sizeof(buf)), 0);
}

static void
used_id_beyond_the_ring_breaks_the_queue(void **state)
{
	struct fake_bus *fake = *state;
	char buf[4];

	make_queues();
	fake_used_raw(fake, RXQ, BUFFERS, 4, 1);
	assert_int_equal(receive(buf, sizeof(buf)), -EPROTO);
	assert_non_null(strstr(virtio.reason.text, "id 8"));
	assert_int_equal(receive(buf, sizeof(buf)), -EPROTO);
}

static void
used_id_with_high_bits_breaks_the_queue(void **state)
{
	char buf[4];

	make_queues();
	fake_used_raw(*state, RXQ, 0x10000, 4, 1);
	assert_int_equal(receive(buf, sizeof(buf)), -EPROTO);
}

static void
used_id_that_the_device_does_not_hold_breaks_the_queue(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t word = 1;

	make_queues();
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), 0);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), 0);
	fake_used_raw(fake, TXQ, (uint32_t)fake_avail(fake, TXQ), 0, 1);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), 0);
	fake_used_raw(fake, TXQ, BUFFERS - 1, 0, 1);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), -EPROTO);
}

static void
used_index_that_jumps_breaks_the_queue(void **state)
{
	char buf[4];

	make_queues();
	fake_used_raw(*state, RXQ, 0, 4, BUFFERS + 1);
	assert_int_equal(receive(buf, sizeof(buf)), -EPROTO);
	assert_non_null(strstr(virtio.reason.text, "index ahead by 9"));
}

static void
used_index_that_goes_back_breaks_the_queue(void **state)
{
	char buf[4];

	make_queues();
	fake_used_raw(*state, RXQ, 0, 4, 0xffff);
	assert_int_equal(receive(buf, sizeof(buf)), -EPROTO);
}

static void
broken_queue_is_new_after_stop_and_start(void **state)
{
	struct fake_bus *fake = *state;
	char buf[4];

	make_queues();
	fake_used_raw(fake, RXQ, BUFFERS, 4, 1);
	assert_int_equal(receive(buf, sizeof(buf)), -EPROTO);
	vhr_virtio_stop(&virtio);
	assert_int_equal(fake->dma_live, 0);
	assert_int_equal(vhr_virtio_start(&virtio, &fake->bus, 0), 0);
	assert_int_equal(vhr_virtio_irq_enable(&virtio, 4), 0);
	make_queues();
	assert_int_equal(fake_rxq_put(fake, "ok", 3), 0);
	assert_int_equal(receive(buf, sizeof(buf)), 3);
}

static void
descriptors_overwritten_by_the_device_do_not_matter(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t len;
	uint16_t flags;
	char buf[BUFFER_SIZE];
	int id;

	make_queues();
	id = fake_avail(fake, RXQ);
	strcpy(fake_buffer(fake, RXQ, (uint16_t)id, &len, &flags), "ok");
	memset(fake_dma(fake, fake->queue[RXQ].desc, BUFFERS * 16), 0xee, BUFFERS * 16);
	fake_used_raw(fake, RXQ, (uint32_t)id, 3, 1);
	assert_int_equal(receive(buf, sizeof(buf)), 3);
	assert_string_equal(buf, "ok");
	/* And the buffer is posted again with a descriptor that is right. */
	assert_non_null(fake_buffer(fake, RXQ, (uint16_t)id, &len, &flags));
	assert_int_equal(len, BUFFER_SIZE);
}

static void
full_txq_says_so_and_asks_for_an_interrupt(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t i, got;

	make_queues();
	assert_int_equal(fake_avail_flags(fake, TXQ), 1);
	for (i = 0; i < BUFFERS; i++)
		assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &i, sizeof(i)), 0);
	assert_int_equal(fake_avail_flags(fake, TXQ), 1);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &i, sizeof(i)), -EAGAIN);
	assert_int_equal(fake_avail_flags(fake, TXQ), 0);
	assert_int_equal(fake_txq_get(fake, &got, sizeof(got)), sizeof(got));
	assert_int_equal(got, 0);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &i, sizeof(i)), 0);
	assert_int_equal(fake_avail_flags(fake, TXQ), 1);
	for (i = 1; i <= BUFFERS; i++) {
		assert_int_equal(fake_txq_get(fake, &got, sizeof(got)), sizeof(got));
		assert_int_equal(got, i);
	}
}

static void
txq_message_must_fit_a_buffer(void **state)
{
	uint8_t big[BUFFER_SIZE + 1] = { 0 };

	make_queues();
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], big, BUFFER_SIZE), 0);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], big, BUFFER_SIZE + 1), -EMSGSIZE);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], big, 0), -EINVAL);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[RXQ], big, 1), -EINVAL);
	assert_int_equal(vhr_virtqueue_receive(virtio.queue[TXQ], big, 1), -EINVAL);
}

static void
notification_is_left_out_when_the_device_says_so(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t word = 1;

	make_queues();
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), 0);
	assert_int_equal(fake->queue[TXQ].notified, 1);
	fake_used_flags(fake, TXQ, 1);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), 0);
	assert_int_equal(fake->queue[TXQ].notified, 1);
	fake_used_flags(fake, TXQ, 0);
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), 0);
	assert_int_equal(fake->queue[TXQ].notified, 2);
}

static void
notification_goes_to_the_queues_own_address(void **state)
{
	struct fake_bus *fake = *state;
	uint32_t word = 1;

	fake->queue[TXQ].notify_off = 9;
	make_queues();
	assert_int_equal(vhr_virtqueue_send(virtio.queue[TXQ], &word, sizeof(word)), 0);
	assert_int_equal(fake->queue[TXQ].notified, 1);
}

static void
notification_address_outside_the_capability_is_refused(void **state)
{
	struct fake_bus *fake = *state;

	fake->queue[TXQ].notify_off = 0x3ff;	/* the last one that fits */
	assert_int_equal(vhr_virtqueue_create(&virtio, TXQ, false, 4, 64, NO_VECTOR), 0);
	fake->queue[RXQ].notify_off = 0x400;
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, NO_VECTOR), -ENOTSUP);
	assert_non_null(strstr(virtio.reason.text, "queue_notify_off 1024"));
	virtio.caps.notify_multiplier = 0xfffffffe;
	fake->queue[RXQ].notify_off = 0xffff;
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, NO_VECTOR), -ENOTSUP);
	virtio.caps.notify_multiplier = 0;
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, NO_VECTOR), 0);
}

static void
queue_that_is_not_there_is_refused(void **state)
{
	struct fake_bus *fake = *state;

	fake->queue[RXQ].size_max = 0;
	fake->queue[RXQ].size = 0;
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, NO_VECTOR), -ENOTSUP);
	assert_non_null(strstr(virtio.reason.text, "queue_size 0"));
}

static void
smaller_queue_of_the_device_gets_fewer_buffers(void **state)
{
	struct fake_bus *fake = *state;
	int count = 0;

	fake->queue[RXQ].size = 6;	/* not even a power of two */
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 64, 64, NO_VECTOR), 0);
	assert_int_equal(fake->queue[RXQ].size, 4);
	while (fake_avail(fake, RXQ) >= 0)
		count++;
	assert_int_equal(count, 4);
}

static void
refused_vector_is_told_and_another_may_be_tried(void **state)
{
	struct fake_bus *fake = *state;

	fake->vectors_accepted = 1;
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, 1), -EBUSY);
	assert_non_null(strstr(virtio.reason.text, "0xffff read"));
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, 0), 0);
	assert_int_equal(fake->queue[RXQ].vector, 0);
	assert_int_equal(fake_avail_flags(fake, RXQ), 0);
}

static void
queue_without_a_vector_asks_for_no_interrupts(void **state)
{
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, NO_VECTOR), 0);
	assert_int_equal(fake_avail_flags(*state, RXQ), 1);
}

static void
arguments_are_checked(void **state)
{
	assert_int_equal(vhr_virtqueue_create(&virtio, 2, true, 4, 64, 0), -EINVAL);
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 0, 64, 0), -EINVAL);
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 1025, 64, 0), -EINVAL);
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 0, 0), -EINVAL);
	make_queues();
	assert_int_equal(vhr_virtqueue_create(&virtio, RXQ, true, 4, 64, 0), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(rxq_starts_with_all_buffers_posted),
		T(nothing_is_notified_before_driver_ok),
		T(messages_arrive_whole_and_in_order),
		T(buffers_go_round_past_the_wrap_of_the_index),
		T(buffers_may_come_back_in_any_order),
		T(used_length_beyond_the_buffer_is_refused),
		T(message_larger_than_the_callers_room_is_refused),
		T(used_length_0_is_told_apart_from_nothing),
		T(used_id_beyond_the_ring_breaks_the_queue),
		T(used_id_with_high_bits_breaks_the_queue),
		T(used_id_that_the_device_does_not_hold_breaks_the_queue),
		T(used_index_that_jumps_breaks_the_queue),
		T(used_index_that_goes_back_breaks_the_queue),
		T(broken_queue_is_new_after_stop_and_start),
		T(descriptors_overwritten_by_the_device_do_not_matter),
		T(full_txq_says_so_and_asks_for_an_interrupt),
		T(txq_message_must_fit_a_buffer),
		T(notification_is_left_out_when_the_device_says_so),
		T(notification_goes_to_the_queues_own_address),
		T(notification_address_outside_the_capability_is_refused),
		T(queue_that_is_not_there_is_refused),
		T(smaller_queue_of_the_device_gets_fewer_buffers),
		T(refused_vector_is_told_and_another_may_be_tried),
		T(queue_without_a_vector_asks_for_no_interrupts),
		T(arguments_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
