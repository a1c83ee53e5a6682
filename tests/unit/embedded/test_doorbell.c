/* SPDX-License-Identifier: BSD-3-Clause */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

#define SET_VRING_CALL	13
#define SET_VRING_ERR	14
#define NOFD		0x100ull

static void set_fd(struct mini_driver *mini, int sock, uint32_t id, uint64_t queue, int fd)
{
	uint64_t value = queue | (fd < 0 ? NOFD : 0);

	fe_send(sock, id, VHU_VERSION, &value, sizeof(value), &fd, fd < 0 ? 0 : 1);
	fe_expect(mini, id, NULL, sizeof(value));
}

static void call_and_err_have_their_doorbells(void **state)
{
	struct mini_driver mini;
	int sock, call = fe_eventfd(), err = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	set_fd(&mini, sock, SET_VRING_CALL, 3, call);
	set_fd(&mini, sock, SET_VRING_ERR, 3, err);
	mini_ring(&mini, VVU_DOORBELL_CALL(MINI_QUEUES, 3));
	assert_int_equal(mini_eventfd(call), 1);
	assert_int_equal(mini_eventfd(err), 0);
	mini_ring(&mini, VVU_DOORBELL_ERR(MINI_QUEUES, 3));
	assert_int_equal(mini_eventfd(call), 0);
	assert_int_equal(mini_eventfd(err), 1);
	mini_destroy(&mini);
	close(sock);
	close(call);
	close(err);
}

/* The frontend shares the open file description: it can make it block, and fill it. */
static void full_blocking_counter_does_not_stop_who_rings(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	struct mini_driver mini;
	int sock, call;

	/* Where counters are swapped, this one is not full. */
	if (!fe_eventfd_counts()) {
		print_message("eventfds are not full when they should be under this emulation\n");
		skip();
	}
	call = fe_eventfd();
	mini_create(&mini);
	sock = fe_session(&mini);
	set_fd(&mini, sock, SET_VRING_CALL, 1, call);
	assert_int_equal(fcntl(call, F_SETFL, 0), 0);
	assert_int_equal(write(call, &full, sizeof(full)), sizeof(full));
	alarm(20);
	for (unsigned int i = 0; i < 200; i++)
		mini_ring(&mini, VVU_DOORBELL_CALL(MINI_QUEUES, 1));
	alarm(0);
	mini_destroy(&mini);
	close(sock);
	close(call);
}

static void widths_1_2_and_4_ring(void **state)
{
	const struct mini_cap *cap;
	struct mini_driver mini;
	int sock, call = fe_eventfd(), next = fe_eventfd();

	mini_create(&mini);
	cap = &mini.cap[VVU_CAP_DOORBELL];
	sock = fe_session(&mini);
	set_fd(&mini, sock, SET_VRING_CALL, 1, call);
	set_fd(&mini, sock, SET_VRING_CALL, 2, next);
	for (unsigned int width = 1; width <= 4; width *= 2) {
		mini_write(&mini, cap, cap->extra, width, 0x12345678);
		assert_int_equal(mini_eventfd(call), 1);
	}
	/* Not at a doorbell's address, or over two of them */
	mini_write(&mini, cap, cap->extra + 1, 1, 0);
	mini_write(&mini, cap, cap->extra + 2, 2, 0);
	mini_write(&mini, cap, cap->extra, 8, 0);
	assert_int_equal(mini_eventfd(call), 0);
	assert_int_equal(mini_eventfd(next), 0);
	mini_destroy(&mini);
	close(sock);
	close(call);
	close(next);
}

static void page_per_doorbell(void **state)
{
	struct mini_driver mini;
	struct vvu_emb_config config = mini_config(&mini);
	int sock, call = fe_eventfd();

	config.page_per_vq = true;
	mini_create_with(&mini, &config);
	assert_int_equal(mini.cap[VVU_CAP_DOORBELL].extra, 4096);
	sock = fe_session(&mini);
	set_fd(&mini, sock, SET_VRING_CALL, 15, call);
	mini_ring(&mini, 15);
	assert_int_equal(mini_eventfd(call), 1);
	mini_write(&mini, &mini.cap[VVU_CAP_DOORBELL], 15 * 4096 + 4, 2, 0);
	assert_int_equal(mini_eventfd(call), 0);
	mini_destroy(&mini);
	close(sock);
	close(call);
}

static void doorbells_without_eventfd_do_nothing(void **state)
{
	struct mini_driver mini;
	const struct mini_cap *cap;
	uint64_t value;
	int sock, call = fe_eventfd();

	mini_create(&mini);
	cap = &mini.cap[VVU_CAP_DOORBELL];
	for (uint64_t at = 0; at < cap->size; at += 4)
		mini_write(&mini, cap, at, 4, 0);
	sock = fe_session(&mini);
	set_fd(&mini, sock, SET_VRING_CALL, 0, call);
	set_fd(&mini, sock, SET_VRING_CALL, 0, -1);
	mini_ring(&mini, 0);
	assert_int_equal(mini_eventfd(call), 0);
	assert_int_equal(vvu_emb_bar_read(mini.emb, cap->bar, cap->offset, 4, &value), 0);
	assert_int_equal(value, 0xffffffff);
	mini_destroy(&mini);
	close(sock);
	close(call);
}

static void full_eventfd_does_not_block(void **state)
{
	struct mini_driver mini;
	uint64_t full = UINT64_MAX - 1;
	int sock, call = fe_eventfd();

	mini_create(&mini);
	sock = fe_session(&mini);
	set_fd(&mini, sock, SET_VRING_CALL, 0, call);
	assert_int_equal(write(call, &full, sizeof(full)), sizeof(full));
	mini_ring(&mini, 0);
	assert_true(mini_eventfd(call) >= full);
	mini_destroy(&mini);
	close(sock);
	close(call);
}

struct ringer {
	struct mini_driver *mini;
	atomic_bool *stop;
	uint64_t rings;
};

static void *ring_until_told(void *arg)
{
	struct ringer *ringer = arg;
	const struct mini_cap *cap = &ringer->mini->cap[VVU_CAP_DOORBELL];

	while (!atomic_load(ringer->stop)) {
		vvu_emb_bar_write(ringer->mini->emb, cap->bar, cap->offset, 2, 0);
		vvu_emb_bar_write(ringer->mini->emb, cap->bar, cap->offset + cap->extra, 4, 0);
		ringer->rings++;
	}
	return NULL;
}

/* Every ring reaches the old eventfd or the new one: none is lost, none invented. */
static void rings_from_two_threads_while_eventfds_are_swapped(void **state)
{
	struct mini_driver mini;
	struct ringer ringer[2];
	pthread_t thread[2];
	atomic_bool stop = false;
	uint64_t arrived = 0;
	int sock, call[2];

	if (!fe_eventfd_counts()) {
		print_message("eventfds do not add up under this emulation\n");
		skip();
	}
	call[0] = fe_eventfd();
	call[1] = fe_eventfd();
	mini_create(&mini);
	sock = fe_session(&mini);
	set_fd(&mini, sock, SET_VRING_CALL, 0, call[0]);
	for (unsigned int i = 0; i < 2; i++) {
		ringer[i] = (struct ringer){ .mini = &mini, .stop = &stop };
		assert_int_equal(pthread_create(&thread[i], NULL, ring_until_told, &ringer[i]), 0);
	}
	for (unsigned int i = 1; i <= 200; i++) {
		int doomed = fe_eventfd();

		set_fd(&mini, sock, SET_VRING_CALL, 0, call[i % 2]);
		/* Another doorbell's comes and goes for good. */
		set_fd(&mini, sock, SET_VRING_CALL, 1, doomed);
		set_fd(&mini, sock, SET_VRING_CALL, 1, -1);
		close(doomed);
	}
	atomic_store(&stop, true);
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	arrived = mini_eventfd(call[0]) + mini_eventfd(call[1]);
	assert_int_equal(arrived, ringer[0].rings + ringer[1].rings);
	assert_true(arrived > 0);
	mini_destroy(&mini);
	close(sock);
	close(call[0]);
	close(call[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(call_and_err_have_their_doorbells),
		cmocka_unit_test(full_blocking_counter_does_not_stop_who_rings),
		cmocka_unit_test(widths_1_2_and_4_ring),
		cmocka_unit_test(page_per_doorbell),
		cmocka_unit_test(doorbells_without_eventfd_do_nothing),
		cmocka_unit_test(full_eventfd_does_not_block),
		cmocka_unit_test(rings_from_two_threads_while_eventfds_are_swapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
