/* SPDX-License-Identifier: BSD-3-Clause */
/* Virtqueues of a driver that means harm. */
#include "test.h"

#define F_NEXT		1u
#define F_WRITE		2u
#define F_INDIRECT	4u
#define NEEDS_RESET	0x40u

static void set_desc(struct mini_driver *mini, unsigned int queue, uint16_t index, uint64_t addr,
		     uint32_t len, uint16_t flags, uint16_t next)
{
	mini->queue[queue].desc[index] = (struct mini_desc){
		.addr = htole64(addr),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16(next),
	};
}

static uint64_t buffer(struct mini_driver *mini, unsigned int queue)
{
	return mini->queue[queue].buffers;
}

/* A connected frontend and rxq without buffers, which the test then posts itself. */
static int connect_with_empty_rxq(struct mini_driver *mini)
{
	int sock;

	mini_reset(mini);
	mini_features_ok(mini);
	mini_enable_msix(mini);
	mini_set_common(mini, 16, 2, MINI_VEC_CONFIG);
	mini_setup_queue(mini, VVU_RXQ, MINI_VEC_RXQ);
	mini_setup_queue(mini, VVU_TXQ, MINI_VEC_TXQ);
	mini_set_common(mini, 20, 1, 1 | 2 | 8 | 4);
	mini_backend_up(mini, true);
	sock = fe_connect(mini->path);
	mini_run(mini);
	mini_irq(mini, MINI_VEC_CONFIG);
	fe_send(sock, 1, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(mini);
	assert_int_equal(mini_used(mini, VVU_RXQ), 0);
	return sock;
}

/* The queue is broken: the driver is told, the frontend is gone, a reset helps. */
static void assert_broken(struct mini_driver *mini, int sock, const char *why)
{
	struct vvu_device_status status;

	mini_run(mini);
	assert_int_equal(mini_device_status(mini), 1 | 2 | 4 | 8 | NEEDS_RESET);
	assert_int_not_equal(mini_irq(mini, MINI_VEC_CONFIG), 0);
	assert_true(fe_closed(sock));
	vvu_emb_query(mini->emb, &status);
	if (strstr(status.last_disconnect.text, why) == NULL)
		fail_msg("reason is \"%s\"", status.last_disconnect.text);
	assert_non_null(strstr(mini->log, why));
	close(sock);
	/* Nothing more comes of it. */
	mini_notify(mini, VVU_RXQ);
	mini_notify(mini, VVU_TXQ);
	mini_run(mini);
	close(fe_session(mini));
	mini_destroy(mini);
}

/* Post one rxq chain starting at descriptor 0. */
static void rxq_breaks(struct mini_driver *mini, int sock, const char *why)
{
	mini_make_available(mini, VVU_RXQ, 0);
	mini_notify(mini, VVU_RXQ);
	assert_broken(mini, sock, why);
}

static void txq_breaks(struct mini_driver *mini, int sock, const char *why)
{
	mini_make_available(mini, VVU_TXQ, 0);
	mini_notify(mini, VVU_TXQ);
	assert_broken(mini, sock, why);
}

static void message_over_several_descriptors(void **state)
{
	struct mini_driver mini;
	uint8_t expected[12] = { 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	/* 5 + 1 + 4096 bytes, out of order in the table */
	set_desc(&mini, VVU_RXQ, 3, buffer(&mini, 0), 5, F_WRITE | F_NEXT, 15);
	set_desc(&mini, VVU_RXQ, 15, buffer(&mini, 0) + 5, 1, F_WRITE | F_NEXT, 0);
	set_desc(&mini, VVU_RXQ, 0, buffer(&mini, 0) + 6, 4096, F_WRITE, 0);
	mini_make_available(&mini, VVU_RXQ, 3);
	mini_notify(&mini, VVU_RXQ);
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 1);
	assert_memory_equal(mini.dma + 0x100000, expected, sizeof(expected));
	assert_int_equal(mini.queue[VVU_RXQ].used[4], 3);
	assert_int_equal(mini.queue[VVU_RXQ].used[8], 12);
	close(sock);
	mini_destroy(&mini);
}

static void buffer_over_adjacent_dma_ranges(void **state)
{
	struct mini_driver mini;
	uint8_t expected[12] = { 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	uint8_t other[64] __attribute__((aligned(16))) = { 0 };
	int sock;

	mini_create(&mini);
	assert_int_equal(vvu_emb_dma_map(mini.emb, MINI_IOVA + MINI_DMA_BYTES, other, 64), 0);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_RXQ, 0, MINI_IOVA + MINI_DMA_BYTES - 8, 64, F_WRITE, 0);
	mini_make_available(&mini, VVU_RXQ, 0);
	mini_notify(&mini, VVU_RXQ);
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 1);
	assert_memory_equal(mini.dma + MINI_DMA_BYTES - 8, expected, 8);
	assert_memory_equal(other, expected + 8, 4);
	close(sock);
	mini_destroy(&mini);
}

static void chain_loop_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_RXQ, 0, buffer(&mini, 0), 1, F_WRITE | F_NEXT, 1);
	set_desc(&mini, VVU_RXQ, 1, buffer(&mini, 0), 1, F_WRITE | F_NEXT, 0);
	rxq_breaks(&mini, sock, "longer than queue size");
}

static void chain_to_itself_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_TXQ, 0, buffer(&mini, 1), 1, F_NEXT, 0);
	txq_breaks(&mini, sock, "longer than queue size");
}

static void address_outside_dma_memory_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_RXQ, 0, MINI_IOVA - 1, 4096, F_WRITE, 0);
	rxq_breaks(&mini, sock, "outside DMA memory");
}

static void end_outside_dma_memory_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_TXQ, 0, MINI_IOVA + MINI_DMA_BYTES - 8, 9, 0, 0);
	txq_breaks(&mini, sock, "outside DMA memory");
}

static void address_that_wraps_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_RXQ, 0, UINT64_MAX - 4, UINT32_MAX, F_WRITE, 0);
	rxq_breaks(&mini, sock, "outside DMA memory");
}

static void head_past_the_table_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	mini_make_available(&mini, VVU_RXQ, MINI_QUEUE_SIZE);
	mini_notify(&mini, VVU_RXQ);
	assert_broken(&mini, sock, "descriptor index 16, queue size 16");
}

static void next_past_the_table_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_TXQ, 0, buffer(&mini, 1), 12, F_NEXT, 0xffff);
	txq_breaks(&mini, sock, "descriptor index 65535, queue size 16");
}

static void available_index_that_jumps_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	mini.queue[VVU_TXQ].avail[1] = htole16(MINI_QUEUE_SIZE + 1);
	mini_notify(&mini, VVU_TXQ);
	assert_broken(&mini, sock, "jumped");
}

static void readable_rxq_buffer_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_RXQ, 0, buffer(&mini, 0), 4096, 0, 0);
	rxq_breaks(&mini, sock, "device-readable");
}

static void writable_txq_buffer_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_TXQ, 0, buffer(&mini, 1), 12, F_NEXT, 1);
	set_desc(&mini, VVU_TXQ, 1, buffer(&mini, 1), 12, F_WRITE, 0);
	txq_breaks(&mini, sock, "device-writable");
}

static void indirect_descriptor_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_TXQ, 0, buffer(&mini, 1), 16, F_INDIRECT, 0);
	txq_breaks(&mini, sock, "indirect");
}

static void empty_descriptor_breaks(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_RXQ, 0, buffer(&mini, 0), 0, F_WRITE, 0);
	rxq_breaks(&mini, sock, "empty");
}

static void rings_that_lose_their_memory_break(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	assert_int_equal(vvu_emb_dma_unmap(mini.emb, MINI_IOVA, MINI_DMA_BYTES - 1), -EINVAL);
	assert_int_equal(vvu_emb_dma_unmap(mini.emb, MINI_IOVA, MINI_DMA_BYTES), 0);
	mini_notify(&mini, VVU_TXQ);
	mini_notify(&mini, VVU_RXQ);
	mini_run(&mini);
	assert_int_equal(mini_device_status(&mini) & NEEDS_RESET, NEEDS_RESET);
	assert_int_equal(vvu_emb_dma_map(mini.emb, MINI_IOVA, mini.dma, MINI_DMA_BYTES), 0);
	close(sock);
	close(fe_session(&mini));
	mini_destroy(&mini);
}

/* The buffer stays with the device; the frontend is not served a part of a message. */
static void buffer_too_small_is_not_consumed(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = connect_with_empty_rxq(&mini);
	set_desc(&mini, VVU_RXQ, 0, buffer(&mini, 0), 11, F_WRITE, 0);
	mini_make_available(&mini, VVU_RXQ, 0);
	mini_notify(&mini, VVU_RXQ);
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_RXQ), 0);
	assert_true(fe_closed(sock));
	close(sock);
	mini_destroy(&mini);
}

static void oversized_txq_message_disconnects(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	sock = fe_session(&mini);
	set_desc(&mini, VVU_TXQ, 0, MINI_IOVA + 0x100000, 0x80000, F_NEXT, 1);
	set_desc(&mini, VVU_TXQ, 1, MINI_IOVA + 0x100000, 0x80000, 0, 0);
	mini_make_available(&mini, VVU_TXQ, 0);
	mini_notify(&mini, VVU_TXQ);
	mini_run(&mini);
	assert_true(fe_closed(sock));
	assert_int_equal(mini_status(&mini), 0);
	assert_int_equal(mini_device_status(&mini) & NEEDS_RESET, 0);
	close(sock);
	mini_destroy(&mini);
}

static void nothing_is_used_before_driver_ok(void **state)
{
	struct mini_driver mini;
	uint8_t junk[12] = { 0 };

	mini_create(&mini);
	mini_reset(&mini);
	mini_features_ok(&mini);
	mini_setup_queue(&mini, VVU_RXQ, VVU_NO_VECTOR);
	mini_setup_queue(&mini, VVU_TXQ, VVU_NO_VECTOR);
	mini_send(&mini, junk, sizeof(junk), true);
	assert_int_equal(mini_used(&mini, VVU_TXQ), 0);
	/* What waited is used then, notification or not. */
	mini_set_common(&mini, 20, 1, 1 | 2 | 8 | 4);
	mini_run(&mini);
	assert_int_equal(mini_used(&mini, VVU_TXQ), 1);
	mini_destroy(&mini);
}

static void notifications_of_no_queue_are_ignored(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	assert_int_equal(vvu_emb_bar_write(mini.emb, 4, 0x3008, 2, 2), 0);
	assert_int_equal(vvu_emb_bar_write(mini.emb, 4, 0x3002, 2, 0), 0);
	assert_int_equal(vvu_emb_bar_write(mini.emb, 4, 0x3000, 8, 0), 0);
	assert_int_equal(vvu_emb_run(mini.emb), 0);
	mini_destroy(&mini);
}

static void full_txq_is_emptied(void **state)
{
	struct mini_driver mini;
	struct vvu_device_status before, after;

	mini_create(&mini);
	mini_start(&mini);
	vvu_emb_query(mini.emb, &before);
	for (unsigned int i = 0; i < MINI_QUEUE_SIZE; i++) {
		set_desc(&mini, VVU_TXQ, (uint16_t)i, buffer(&mini, 1), 12, 0, 0);
		mini_make_available(&mini, VVU_TXQ, (uint16_t)i);
	}
	mini_notify(&mini, VVU_TXQ);
	mini_run(&mini);
	vvu_emb_query(mini.emb, &after);
	assert_int_equal(mini_used(&mini, VVU_TXQ), MINI_QUEUE_SIZE);
	assert_int_equal(after.driver_messages_dropped - before.driver_messages_dropped,
			 MINI_QUEUE_SIZE);
	mini_destroy(&mini);
}

static void dma_ranges_are_checked(void **state)
{
	struct mini_driver mini;
	static uint8_t page[4096] __attribute__((aligned(4096)));

	mini_create(&mini);
	assert_int_equal(vvu_emb_dma_map(mini.emb, 0, page, 0), -EINVAL);
	assert_int_equal(vvu_emb_dma_map(mini.emb, 0, NULL, 4096), -EINVAL);
	assert_int_equal(vvu_emb_dma_map(mini.emb, UINT64_MAX - 15, page, 4096), -EINVAL);
	assert_int_equal(vvu_emb_dma_map(mini.emb, 8, page, 4096), -EINVAL);
	assert_int_equal(vvu_emb_dma_map(mini.emb, MINI_IOVA + MINI_DMA_BYTES - 4096, page, 4096),
			 -EEXIST);
	assert_int_equal(vvu_emb_dma_map(mini.emb, MINI_IOVA - 4080, page, 4096), -EEXIST);
	for (unsigned int i = 1; i < 16; i++)
		assert_int_equal(vvu_emb_dma_map(mini.emb, i * 4096, page, 4096), 0);
	assert_int_equal(vvu_emb_dma_map(mini.emb, 16 * 4096, page, 4096), -ENOSPC);
	/* The very end of the address space is legal. */
	assert_int_equal(vvu_emb_dma_unmap(mini.emb, 4096, 4096), 0);
	assert_int_equal(vvu_emb_dma_map(mini.emb, UINT64_MAX - 4095, page, 4096), 0);
	assert_int_equal(vvu_emb_dma_unmap(mini.emb, 4096, 4096), -EINVAL);
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(message_over_several_descriptors),
		cmocka_unit_test(buffer_over_adjacent_dma_ranges),
		cmocka_unit_test(chain_loop_breaks),
		cmocka_unit_test(chain_to_itself_breaks),
		cmocka_unit_test(address_outside_dma_memory_breaks),
		cmocka_unit_test(end_outside_dma_memory_breaks),
		cmocka_unit_test(address_that_wraps_breaks),
		cmocka_unit_test(head_past_the_table_breaks),
		cmocka_unit_test(next_past_the_table_breaks),
		cmocka_unit_test(available_index_that_jumps_breaks),
		cmocka_unit_test(readable_rxq_buffer_breaks),
		cmocka_unit_test(writable_txq_buffer_breaks),
		cmocka_unit_test(indirect_descriptor_breaks),
		cmocka_unit_test(empty_descriptor_breaks),
		cmocka_unit_test(rings_that_lose_their_memory_break),
		cmocka_unit_test(buffer_too_small_is_not_consumed),
		cmocka_unit_test(oversized_txq_message_disconnects),
		cmocka_unit_test(nothing_is_used_before_driver_ok),
		cmocka_unit_test(notifications_of_no_queue_are_ignored),
		cmocka_unit_test(full_txq_is_emptied),
		cmocka_unit_test(dma_ranges_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
