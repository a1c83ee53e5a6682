/* SPDX-License-Identifier: BSD-3-Clause */
/* From the frontend's socket to the driver's queues and back, through every part. */
#include "test.h"

#define GET_FEATURES	1
#define SET_OWNER	3
#define SET_CALL	13

static void request_is_little_endian_on_rxq_and_its_answer_native(void **state)
{
	static const uint8_t request[12] = { 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
	/* GET_FEATURES, version 1 and reply, 8 bytes: VERSION_1 and protocol features */
	static const uint8_t answer[20] = {
		1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0, 0,
	};
	struct mini_driver mini;
	struct vhu_header hdr;
	uint8_t msg[MINI_BUFFER_SIZE];
	uint64_t features;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 1);
	fe_send(sock, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, MINI_VEC_RXQ), 1);
	assert_int_equal(mini_receive(&mini, msg, sizeof(msg)), sizeof(request));
	assert_memory_equal(msg, request, sizeof(request));

	mini_send(&mini, answer, sizeof(answer), true);
	assert_int_equal(mini_irq(&mini, MINI_VEC_TXQ), 1);
	assert_int_equal(fe_receive(sock, &hdr, &features, sizeof(features)), 8);
	assert_int_equal(hdr.request, GET_FEATURES);
	assert_int_equal(hdr.flags, VHU_VERSION | VHU_FLAG_REPLY);
	assert_int_equal(features, 1ull << 32 | 1ull << 30);
	close(sock);
	mini_destroy(&mini);
}

static void poll_fd_tells_of_all_there_is_to_do(void **state)
{
	struct mini_driver mini;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	assert_int_equal(vvu_emb_run(mini.emb), 0);
	mini_backend_up(&mini, true);
	assert_int_equal(vvu_emb_run(mini.emb), 0);
	sock = fe_connect(mini.path);
	assert_true(vvu_emb_run(mini.emb) > 0);
	assert_int_equal(vvu_emb_run(mini.emb), 0);
	fe_send(sock, SET_OWNER, VHU_VERSION, NULL, 0, NULL, 0);
	assert_true(vvu_emb_run(mini.emb) > 0);
	mini_notify(&mini, VVU_TXQ);
	assert_true(vvu_emb_run(mini.emb) > 0);
	assert_int_equal(vvu_emb_run(mini.emb), 0);
	close(sock);
	assert_true(vvu_emb_run(mini.emb) > 0);
	assert_int_equal(vvu_emb_run(mini.emb), 0);
	mini_destroy(&mini);
}

static void frontend_memory_appears_in_the_window(void **state)
{
	struct mini_driver mini;
	char *window;
	int sock, memfd = fe_memfd(1u << 20);

	mini_create(&mini);
	sock = fe_session(&mini);
	assert_int_equal(pwrite(memfd, "guest", 5, 0x1234), 5);
	fe_set_mem_table(&mini, sock, memfd, 1u << 20);
	window = vvu_emb_bar_map(mini.emb, mini.shm[1].bar, mini.shm[1].offset, 1u << 20);
	assert_non_null(window);
	assert_memory_equal(window + 0x1234, "guest", 5);
	/* It stays readable when the frontend goes, until the driver arms again. */
	close(sock);
	mini_run(&mini);
	assert_memory_equal(window + 0x1234, "guest", 5);
	mini_destroy(&mini);
	close(memfd);
}

static void bar_map_gives_window_memory_alone(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	for (unsigned int i = 1; i <= 3; i++) {
		const struct mini_cap *shm = &mini.shm[i];

		assert_non_null(vvu_emb_bar_map(mini.emb, shm->bar, shm->offset, shm->size));
		assert_non_null(vvu_emb_bar_map(mini.emb, shm->bar, shm->offset + shm->size - 1,
						1));
		assert_null(vvu_emb_bar_map(mini.emb, shm->bar, shm->offset + shm->size - 1, 2));
		assert_null(vvu_emb_bar_map(mini.emb, shm->bar, shm->offset, UINT64_MAX));
		assert_null(vvu_emb_bar_map(mini.emb, shm->bar, shm->offset, 0));
	}
	assert_null(vvu_emb_bar_map(mini.emb, 0, mini.cap[6].offset, 4096));
	assert_null(vvu_emb_bar_map(mini.emb, 4, 0, 4096));
	assert_null(vvu_emb_bar_map(mini.emb, 2, 0, 4096));
	mini_destroy(&mini);
}

static void reset_while_connected_closes_the_socket(void **state)
{
	struct mini_driver mini;
	int sock, next;

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_reset(&mini);
	assert_true(fe_closed(sock));
	/* and the same function serves again. */
	next = fe_session(&mini);
	close(sock);
	close(next);
	mini_destroy(&mini);
}

/* Everything a driver does, ended at any point by destroying the device. */
static void destroy_while_connected(void **state)
{
	struct mini_driver mini;
	uint64_t queue = 0;
	int sock, memfd = fe_memfd(1u << 20), call = fe_eventfd(), kick = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	fe_set_mem_table(&mini, sock, memfd, 1u << 20);
	fe_send(sock, 12, VHU_VERSION, &queue, 8, &kick, 1);
	fe_send(sock, SET_CALL, VHU_VERSION, &queue, 8, &call, 1);
	mini_destroy(&mini);
	assert_true(fe_closed(sock));
	close(sock);
	close(memfd);
	close(call);
	close(kick);
}

static void byte_wise_writes_of_status_work(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	for (unsigned int i = 0; i < 4; i++)
		mini_write(&mini, &mini.cap[4], VVU_CONFIG_STATUS + i, 1, i == 0);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP);
	mini_write(&mini, &mini.cap[4], VVU_CONFIG_STATUS, 1, 0);
	assert_int_equal(mini_status(&mini), 0);
	mini_destroy(&mini);
}

static void undefined_status_bits_need_a_reset(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_start(&mini);
	mini_write(&mini, &mini.cap[4], VVU_CONFIG_STATUS, 4, 0x80000001);
	mini_run(&mini);
	assert_int_equal(mini_device_status(&mini), 0x4f);
	assert_int_equal(mini_irq(&mini, MINI_VEC_CONFIG), 1);
	mini_start(&mini);
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_little_endian_on_rxq_and_its_answer_native),
		cmocka_unit_test(poll_fd_tells_of_all_there_is_to_do),
		cmocka_unit_test(frontend_memory_appears_in_the_window),
		cmocka_unit_test(bar_map_gives_window_memory_alone),
		cmocka_unit_test(reset_while_connected_closes_the_socket),
		cmocka_unit_test(destroy_while_connected),
		cmocka_unit_test(byte_wise_writes_of_status_work),
		cmocka_unit_test(undefined_status_bits_need_a_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
