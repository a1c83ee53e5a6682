/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Data threads at work on their rings while the control thread replaces the memory table,
 * stops and starts rings, and changes frontends. Meant to be run by a thread checker too.
 */
#include <endian.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "session_fixture.h"
#include "vhost-relay/vring/queue.h"

#define ROUNDS 400u

static pthread_mutex_t locks[RINGS] = {
	PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER,
	PTHREAD_MUTEX_INITIALIZER,
};
_Static_assert(RINGS == 4, "locks[] names each");
static atomic_bool finished, break_one;
static struct {
	unsigned long bursts;	/* each of its own thread, until that was joined */
	unsigned long taken;
} work[RINGS];

static void
lock(void *priv, unsigned int index)
{
	pthread_mutex_lock(&locks[index]);
}

static void
unlock(void *priv, unsigned int index)
{
	pthread_mutex_unlock(&locks[index]);
}

/* Derived from the ring, and so to be dropped when it changes. */
static const struct vhr_memory *derived[RINGS];

static void
changed(void *priv, struct vhr_ring *ring)
{
	derived[ring->index] = NULL;
}

static void
is_connected(void *priv, bool is)
{
	rec.connected = is;
}

static void
is_ready(void *priv, unsigned int index, bool ready)
{
	rec.ready[index] = ready;
}

static const struct vhr_ops thread_ops = {
	.ring_lock = lock,
	.ring_unlock = unlock,
	.ring_changed = changed,
	.ring_ready = is_ready,
	.connected = is_connected,
};

static void
use_thread_ops(struct vhr_config *config)
{
	config->ops = &thread_ops;
}

/* One burst: take what is there, give it back, call. */
static void
burst(struct vhr_ring *ring, unsigned int index)
{
	struct iovec iov[4];
	struct vhr_chain chain = { .iov = iov, .iov_max = 4 };
	uint16_t n;

	if (derived[index] == NULL)
		derived[index] = ring->memory;
	/* What the control thread freed must not be what we still know. */
	if (derived[index] != ring->memory || derived[index]->num == 0)
		abort();
	n = vhr_split_available(ring);
	if (n == 0)
		return;
	if (index % 2 == 1) {
		struct vhr_taken taken;

		if (vhr_queue_pop(ring, &taken, &chain) != 1)
			return;
		vhr_queue_push(ring, &taken, 0);
		vhr_queue_flush(ring);
		work[index].taken++;
		return;
	}
	if (atomic_exchange(&break_one, false)) {
		vhr_ring_break(ring, "by a data thread");
		return;
	}
	if (vhr_split_head(ring, 0, &chain.head) < 0 || vhr_split_walk(ring, &chain) < 0)
		return;
	ring->last_avail++;
	vhr_split_put_used(ring, 0, chain.head, 0);
	vhr_split_publish(ring, 1);
	if (vhr_split_should_call(ring))
		vhr_ring_call(ring);
	work[index].taken++;
}

static void *
data_thread(void *arg)
{
	unsigned int index = (unsigned int)(uintptr_t)arg;
	struct vhr_ring *ring = vhr_ring(session, index);

	while (!atomic_load(&finished)) {
		/* There may be fewer cores than threads. */
		sched_yield();
		/* A burst that finds the control thread at work is an empty one. */
		if (pthread_mutex_trylock(&locks[index]) != 0)
			continue;
		if (ring->ready)
			burst(ring, index);
		work[index].bursts++;
		pthread_mutex_unlock(&locks[index]);
	}
	return NULL;
}

/* The driver's part: one entry more, in a ring whose descriptors are all good. */
static void
make_available(unsigned int i)
{
	uint8_t *base = fake.window + RING_OFFSET(i);
	uint16_t *idx = (uint16_t *)(void *)(base + AVAIL_OFFSET + 2);
	uint16_t now = le16toh(__atomic_load_n(idx, __ATOMIC_RELAXED));

	__atomic_store_n(idx, htole16((uint16_t)(now + 1)), __ATOMIC_RELEASE);
}

static void
prepare_ring(unsigned int i)
{
	uint8_t *base = fake.window + RING_OFFSET(i);
	unsigned int d;

	memset(base, 0, 0x3000);
	for (d = 0; d < RING_NUM; d++) {
		struct vring_desc desc = {
			.addr = htole64(MEM_GPA + 0x80000 + d * 64),
			.len = htole32(64),
		};
		uint16_t head = htole16((uint16_t)d);

		memcpy(base + d * sizeof(desc), &desc, sizeof(desc));
		memcpy(base + AVAIL_OFFSET + 4 + 2 * d, &head, sizeof(head));
	}
}

static void
start(unsigned int i)
{
	give(request_state(VHU_SET_VRING_NUM, i, RING_NUM));
	give(request_state(VHU_SET_VRING_BASE, i, 0));
	give(request_addr(i));
	give(request_u64(VHU_SET_VRING_CALL, i));
	give(request_u64(VHU_SET_VRING_KICK, i));
	give(request_state(VHU_SET_VRING_ENABLE, i, 1));
}

/* Wait until the data thread has taken what was made available, or broke the ring. */
static void
until_taken(unsigned int i)
{
	struct vhr_ring *ring = vhr_ring(session, i);
	unsigned int spins;
	bool done = false;

	for (spins = 0; !done && spins < 100000000; spins++) {
		pthread_mutex_lock(&locks[i]);
		done = ring->broken || vhr_split_available(ring) == 0;
		pthread_mutex_unlock(&locks[i]);
		sched_yield();
	}
	assert_true(done);
}

static void
one_frontend(unsigned int round)
{
	unsigned int i, k;

	for (i = 0; i < RINGS; i++)
		prepare_ring(i);
	assert_true(fake_connect());
	session_run();
	give(request_u64(VHU_SET_PROTOCOL_FEATURES, PF(REPLY_ACK)));
	give(request_u64(VHU_SET_FEATURES, F_BASE));
	give(request_table());
	for (i = 0; i < RINGS; i++)
		start(i);
	for (k = 0; k < 4; k++) {
		for (i = 0; i < RINGS; i++)
			make_available(i);
		give(request_table());
		for (i = 0; i < RINGS; i++)
			until_taken(i);
	}
	if (round % 3 == 0) {
		atomic_store(&break_one, true);
		make_available(0);
		until_taken(0);
	}
	give(request_state(VHU_GET_VRING_BASE, 1, 0));
	give(request_state(VHU_SET_VRING_ENABLE, 2, 0));
	make_available(3);
	atomic_store(&break_one, false);
	fake.num_sent = 0;
	fake_hang_up();
	session_run();
	assert_false(rec.connected);
}

static void
data_threads_and_control_thread_do_not_meet(void **state)
{
	pthread_t threads[RINGS];
	struct vhr_status status;
	unsigned int i;

	session_open(use_thread_ops);
	assert_int_equal(vhr_up(session), 0);
	session_run();
	for (i = 0; i < RINGS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, data_thread,
						(void *)(uintptr_t)i), 0);
	for (i = 0; i < ROUNDS; i++)
		one_frontend(i);
	atomic_store(&finished, true);
	for (i = 0; i < RINGS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < RINGS; i++) {
		assert_true(work[i].bursts > 0);
		assert_true(work[i].taken >= ROUNDS * 3);
	}
	vhr_status(session, &status);
	assert_int_equal(status.connections, ROUNDS);
	assert_int_equal(status.refused, 0);
}

static int
setup(void **state)
{
	fake_reset();
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(data_threads_and_control_thread_do_not_meet,
						setup, session_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
