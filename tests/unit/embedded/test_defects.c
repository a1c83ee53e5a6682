/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Defects of earlier virtio-vhost-user devices that lay in what hosts the device: one test
 * each that this one does not have it.
 */
#include "test.h"

#include <pthread.h>
#include <stdatomic.h>

#define GET_FEATURES	1
#define SET_OWNER	3
#define SET_MEM_TABLE	5
#define SET_KICK	12
#define SET_CALL	13
#define SET_ERR		14

/* A txq message while nobody was connected ended the emulator by an assertion. */
static void defect_txq_while_not_connected(void **state)
{
	struct mini_driver mini;
	uint8_t junk[MINI_BUFFER_SIZE];
	int sock;

	mini_create(&mini);
	memset(junk, 0xa5, sizeof(junk));
	mini_start(&mini);
	for (unsigned int armed = 0; armed < 2; armed++) {
		for (unsigned int len = 1; len <= sizeof(junk); len *= 4)
			mini_send(&mini, junk, len, true);
		mini_backend_up(&mini, true);
	}
	assert_int_equal(mini_device_status(&mini), 0x0f);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP);
	sock = fe_connect(mini.path);
	fe_send(sock, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	fe_expect(&mini, GET_FEATURES, NULL, 0);
	close(sock);
	mini_destroy(&mini);
}

struct prober {
	const volatile uint8_t *window;
	atomic_bool *stop;
	bool strange;
};

/*
 * What an address of the window may show: the old file, the new one, nothing else. TSan
 * takes the mmap() over it for a write.
 */
__attribute__((no_sanitize_thread))
static void *probe(void *arg)
{
	struct prober *prober = arg;

	while (!atomic_load(prober->stop)) {
		uint8_t byte = *prober->window;

		prober->strange |= byte != 'A' && byte != 'B';
	}
	return NULL;
}

/* munmap() came first, and for a moment the address was free for any other mapping. */
static void defect_window_unmapped_before_it_is_hidden(void **state)
{
	struct mini_driver mini;
	struct prober prober;
	pthread_t thread;
	atomic_bool stop = false;
	int sock, memfd[2];

	mini_create(&mini);
	sock = fe_session(&mini);
	for (unsigned int i = 0; i < 2; i++) {
		memfd[i] = fe_memfd(4096);
		assert_int_equal(pwrite(memfd[i], i ? "B" : "A", 1, 0), 1);
	}
	fe_set_mem_table(&mini, sock, memfd[0], 4096);
	prober = (struct prober){
		.window = vvu_emb_bar_map(mini.emb, 0, mini.shm[1].offset, 4096),
		.stop = &stop,
	};
	assert_int_equal(pthread_create(&thread, NULL, probe, &prober), 0);
	/* The same place, while the window is read: no fault, no third file. */
	for (unsigned int i = 1; i <= 50; i++) {
		fe_set_mem_table(&mini, sock, memfd[i % 2], 4096);
		assert_false(fe_closed(sock));
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	assert_false(prober.strange);
	close(sock);
	close(memfd[0]);
	close(memfd[1]);
	mini_destroy(&mini);
}

/* A disconnect by the driver, or for an error, left the frontend's socket open. */
static void defect_disconnect_leaves_the_socket_open(void **state)
{
	struct mini_driver mini;
	uint8_t junk[12] = { 0xff };
	int sock;

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_backend_up(&mini, false);
	assert_true(fe_closed(sock));
	close(sock);

	sock = fe_session(&mini);
	mini_send(&mini, junk, sizeof(junk), true);
	assert_true(fe_closed(sock));
	close(sock);

	/* and the next one begins at the beginning. */
	close(fe_session(&mini));
	mini_destroy(&mini);
}

/* An answer that waited in txq became the first message of the next connection. */
static void defect_stale_txq_reaches_the_next_frontend(void **state)
{
	static const uint8_t answer[20] = {
		1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0, 0,
	};
	struct mini_driver mini;
	struct vhu_header hdr;
	uint64_t features;
	int first, second;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	first = fe_connect(mini.path);
	fe_send(first, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	fe_expect(&mini, GET_FEATURES, NULL, 0);
	close(first);
	mini_run(&mini);
	/* Not notified: the device has no other reason to look before BACKEND_UP. */
	mini_send(&mini, answer, sizeof(answer), false);
	mini_backend_up(&mini, true);
	assert_int_equal(mini_used(&mini, VVU_TXQ), 1);
	second = fe_connect(mini.path);
	fe_send(second, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	fe_expect(&mini, GET_FEATURES, NULL, 0);
	mini_notify(&mini, VVU_TXQ);
	mini_run(&mini);
	assert_int_equal(mini_status(&mini), VVU_STATUS_BACKEND_UP | VVU_STATUS_FRONTEND_UP);
	/* The one answer the second frontend gets is its own. */
	fe_answer(&mini, GET_FEATURES, &(uint64_t){ htole64(1ull << 32) }, 8);
	assert_int_equal(fe_receive(second, &hdr, &features, sizeof(features)), 8);
	assert_int_equal(features, 1ull << 32);
	close(second);
	mini_destroy(&mini);
}

/* An answer sent before BACKEND_UP is cleared still belongs to the frontend. */
static void defect_answer_before_disconnect_is_lost(void **state)
{
	struct mini_driver mini;
	static const uint8_t answer[20] = {
		1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0, 0,
	};
	struct vhu_header hdr;
	uint64_t features;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	fe_send(sock, GET_FEATURES, VHU_VERSION, NULL, 0, NULL, 0);
	fe_expect(&mini, GET_FEATURES, NULL, 0);
	mini_send(&mini, answer, sizeof(answer), false);
	mini_backend_up(&mini, false);
	assert_int_equal(fe_receive(sock, &hdr, &features, sizeof(features)), 8);
	assert_int_equal(fe_receive(sock, &hdr, &features, sizeof(features)), -1);
	close(sock);
	mini_destroy(&mini);
}

/* A kick that came before the driver had programmed its vector was lost. */
static void defect_kick_before_its_vector_is_lost(void **state)
{
	struct mini_driver mini;
	uint64_t queue = 0, one = 1;
	int sock, kick = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
	fe_send(sock, SET_KICK, VHU_VERSION, &queue, 8, &kick, 1);
	fe_expect(&mini, SET_KICK, NULL, 8);
	assert_int_equal(mini_irq(&mini, MINI_VEC_KICK), 0);
	assert_int_equal(mini_bind_kick(&mini, 0, MINI_VEC_KICK), MINI_VEC_KICK);
	assert_int_equal(mini_irq(&mini, MINI_VEC_KICK), 1);
	close(sock);
	close(kick);
	mini_destroy(&mini);
}

/* Programmed vectors were forgotten when the frontend went. */
static void defect_vectors_are_forgotten_on_disconnect(void **state)
{
	struct mini_driver mini;
	uint64_t queue = 3, one = 1;
	int sock, kick = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 3, MINI_VEC_KICK);
	close(sock);
	mini_run(&mini);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	mini_run(&mini);
	fe_send(sock, SET_KICK, VHU_VERSION, &queue, 8, &kick, 1);
	fe_expect(&mini, SET_KICK, NULL, 8);
	assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
	mini_run(&mini);
	assert_int_equal(mini_irq(&mini, MINI_VEC_KICK), 1);
	close(sock);
	close(kick);
	mini_destroy(&mini);
}

/* Without MSI-X a kick set the configuration bit of the ISR. */
static void defect_isr_bit_of_a_kick_is_the_config_bit(void **state)
{
	struct mini_driver mini;
	uint64_t queue = 0, one = 1;
	int sock, kick = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_set_cfg(&mini, mini.msix.at + 2, 2, 0);
	fe_send(sock, SET_KICK, VHU_VERSION, &queue, 8, &kick, 1);
	fe_expect(&mini, SET_KICK, NULL, 8);
	mini_read(&mini, &mini.cap[3], 0, 1);
	assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
	mini_run(&mini);
	assert_int_equal(mini_read(&mini, &mini.cap[3], 0, 1), VVU_ISR_KICK);
	close(sock);
	close(kick);
	mini_destroy(&mini);
}

/* There were no doorbells for err and log, or the log's was where err 0 belongs. */
static void defect_no_err_and_log_doorbells(void **state)
{
	struct mini_driver mini;
	uint64_t queue = 0;
	int sock, err = fe_eventfd(), log = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	assert_true(mini.cap[VVU_CAP_DOORBELL].size >=
		    VVU_NUM_DOORBELLS(MINI_QUEUES) * mini.cap[VVU_CAP_DOORBELL].extra);
	fe_send(sock, SET_ERR, VHU_VERSION, &queue, 8, &err, 1);
	fe_expect(&mini, SET_ERR, NULL, 8);
	fe_send(sock, 7, VHU_VERSION, NULL, 0, &log, 1);
	fe_expect(&mini, 7, NULL, 0);
	mini_ring(&mini, VVU_DOORBELL_LOG(MINI_QUEUES));
	assert_int_equal(mini_eventfd(err), 0);
	assert_int_equal(mini_eventfd(log), 1);
	mini_ring(&mini, VVU_DOORBELL_ERR(MINI_QUEUES, 0));
	assert_int_equal(mini_eventfd(err), 1);
	close(sock);
	close(err);
	close(log);
	mini_destroy(&mini);
}

/* Only doorbell writes of exactly two bytes (or of exactly one) were seen. */
static void defect_doorbell_takes_one_width_only(void **state)
{
	const struct mini_cap *cap;
	struct mini_driver mini;
	uint64_t queue = 5;
	int sock, call = fe_eventfd();

	mini_create(&mini);
	cap = &mini.cap[VVU_CAP_DOORBELL];
	sock = fe_session(&mini);
	fe_send(sock, SET_CALL, VHU_VERSION, &queue, 8, &call, 1);
	fe_expect(&mini, SET_CALL, NULL, 8);
	mini_write(&mini, cap, 5 * cap->extra, 1, 1);
	mini_write(&mini, cap, 5 * cap->extra, 2, 5);
	mini_write(&mini, cap, 5 * cap->extra, 4, 0);
	assert_int_equal(mini_eventfd(call), 3);
	close(sock);
	close(call);
	mini_destroy(&mini);
}

/* One 32-bit write of selection and vector was taken for a large selection. */
static void defect_combined_vector_write_is_ignored(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	mini_write(&mini, &mini.cap[VVU_CAP_KICK_VECTOR], 0, 4, 2 | MINI_VEC_KICK << 16);
	mini_write(&mini, &mini.cap[VVU_CAP_KICK_VECTOR], VVU_KICK_SELECT, 2, 1);
	assert_int_equal(mini_read(&mini, &mini.cap[VVU_CAP_KICK_VECTOR], VVU_KICK_VECTOR, 2),
			 VVU_NO_VECTOR);
	mini_write(&mini, &mini.cap[VVU_CAP_KICK_VECTOR], VVU_KICK_SELECT, 2, 2);
	assert_int_equal(mini_read(&mini, &mini.cap[VVU_CAP_KICK_VECTOR], VVU_KICK_VECTOR, 2),
			 MINI_VEC_KICK);
	mini_destroy(&mini);
}

/* An out-of-range selection left the one before in force. */
static void defect_bad_selection_keeps_the_old_one(void **state)
{
	struct mini_driver mini;

	mini_create(&mini);
	assert_int_equal(mini_bind_kick(&mini, 4, MINI_VEC_KICK), MINI_VEC_KICK);
	assert_int_equal(mini_bind_kick(&mini, MINI_QUEUES, 9), VVU_NO_VECTOR);
	mini_write(&mini, &mini.cap[VVU_CAP_KICK_VECTOR], VVU_KICK_SELECT, 2, 4);
	assert_int_equal(mini_read(&mini, &mini.cap[VVU_CAP_KICK_VECTOR], VVU_KICK_VECTOR, 2),
			 MINI_VEC_KICK);
	mini_destroy(&mini);
}

/* A reset while connected left the device unusable for good. */
static void defect_reset_while_connected_is_fatal(void **state)
{
	struct mini_driver mini;
	int memfd = fe_memfd(1u << 20);

	mini_create(&mini);
	for (unsigned int i = 0; i < 3; i++) {
		int sock = fe_session(&mini);

		fe_set_mem_table(&mini, sock, memfd, 1u << 20);
		mini_reset(&mini);
		assert_true(fe_closed(sock));
		close(sock);
	}
	mini_destroy(&mini);
	close(memfd);
}

/* A kick eventfd was never emptied and the event loop span, storming the driver. */
static void defect_kick_eventfd_is_not_drained(void **state)
{
	struct mini_driver mini;
	uint64_t queue = 0, one = 1;
	int sock, kick = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	mini_bind_kick(&mini, 0, MINI_VEC_KICK);
	fe_send(sock, SET_KICK, VHU_VERSION, &queue, 8, &kick, 1);
	fe_expect(&mini, SET_KICK, NULL, 8);
	assert_int_equal(mini_irq(&mini, MINI_VEC_KICK), 0);
	assert_int_equal(write(kick, &one, sizeof(one)), sizeof(one));
	assert_int_equal(vvu_emb_run(mini.emb), 1);
	assert_int_equal(vvu_emb_run(mini.emb), 0);
	assert_int_equal(mini_irq(&mini, MINI_VEC_KICK), 1);
	close(sock);
	close(kick);
	mini_destroy(&mini);
}

/* The pending bit of a masked vector was never set. */
static void defect_masked_vector_has_no_pending_bit(void **state)
{
	struct mini_driver mini;
	uint64_t pending;
	int sock;

	mini_create(&mini);
	mini_start(&mini);
	mini_write(&mini, &mini.msix, 16 * MINI_VEC_CONFIG + 12, 4, 1);
	mini_backend_up(&mini, true);
	sock = fe_connect(mini.path);
	mini_run(&mini);
	assert_int_equal(vvu_emb_bar_read(mini.emb, mini.msix.bar, mini.msix.extra, 8, &pending),
			 0);
	assert_int_equal(pending, 1u << MINI_VEC_CONFIG);
	close(sock);
	mini_destroy(&mini);
}

/* A second kick or call descriptor for the same queue was ignored. */
static void defect_replaced_call_descriptor_is_ignored(void **state)
{
	struct mini_driver mini;
	uint64_t queue = 0;
	int sock, old = fe_eventfd(), new = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	fe_send(sock, SET_CALL, VHU_VERSION, &queue, 8, &old, 1);
	fe_expect(&mini, SET_CALL, NULL, 8);
	fe_send(sock, SET_CALL, VHU_VERSION, &queue, 8, &new, 1);
	fe_expect(&mini, SET_CALL, NULL, 8);
	mini_ring(&mini, 0);
	assert_int_equal(mini_eventfd(new), 1);
	close(sock);
	close(old);
	close(new);
	mini_destroy(&mini);
}

/* The length of the shared memory in its capability was cut to 32 bits, or made up. */
static void defect_shared_memory_length_is_not_true(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);

	config.bar_size = 64ull << 30;
	mini_create_with(&mini, &config);
	assert_true(mini.shm[1].size > 1ull << 35);
	assert_non_null(vvu_emb_bar_map(mini.emb, mini.shm[1].bar, mini.shm[1].offset,
					mini.shm[1].size));
	assert_null(vvu_emb_bar_map(mini.emb, mini.shm[1].bar, mini.shm[1].offset,
				    mini.shm[1].size + 1));
	mini_destroy(&mini);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defect_txq_while_not_connected),
		cmocka_unit_test(defect_window_unmapped_before_it_is_hidden),
		cmocka_unit_test(defect_disconnect_leaves_the_socket_open),
		cmocka_unit_test(defect_stale_txq_reaches_the_next_frontend),
		cmocka_unit_test(defect_answer_before_disconnect_is_lost),
		cmocka_unit_test(defect_kick_before_its_vector_is_lost),
		cmocka_unit_test(defect_vectors_are_forgotten_on_disconnect),
		cmocka_unit_test(defect_isr_bit_of_a_kick_is_the_config_bit),
		cmocka_unit_test(defect_no_err_and_log_doorbells),
		cmocka_unit_test(defect_doorbell_takes_one_width_only),
		cmocka_unit_test(defect_combined_vector_write_is_ignored),
		cmocka_unit_test(defect_bad_selection_keeps_the_old_one),
		cmocka_unit_test(defect_reset_while_connected_is_fatal),
		cmocka_unit_test(defect_kick_eventfd_is_not_drained),
		cmocka_unit_test(defect_masked_vector_has_no_pending_bit),
		cmocka_unit_test(defect_replaced_call_descriptor_is_ignored),
		cmocka_unit_test(defect_shared_memory_length_is_not_true),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
