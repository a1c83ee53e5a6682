/* SPDX-License-Identifier: BSD-3-Clause */
/* Stores with a peer: which steps a peer is asked for so that data is durable. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "fixture.h"
#include "storage/store/remote.h"

#define DISK_BYTES (1 << 20)
#define STEPS_MAX  8u

/* A peer that can do all, and what it was asked for. */
static struct peer {
	struct remote_link link;
	int fd;				/* readable: it has something to say */
	struct remote_request *asked;
	bool break_off;
	unsigned int steps;
	struct {
		enum remote_step step;
		uint64_t offset, length;
		bool fua;
	} step[STEPS_MAX];
} peer;

static int speak(void)
{
	uint64_t one = 1;

	return write(peer.fd, &one, sizeof(one)) < 0 ? -errno : 0;
}

static int peer_connect(struct remote *remote, char *why)
{
	return speak();
}

static void peer_wants(struct remote *remote, struct pollfd *fd)
{
	fd->fd = peer.fd;
	fd->events = POLLIN;
}

static int peer_service(struct remote *remote, short revents, char *why)
{
	struct remote_request *asked = peer.asked;
	uint64_t count;

	if (!(revents & POLLIN) || read(peer.fd, &count, sizeof(count)) < 0)
		return 0;
	if (peer.break_off) {
		peer.break_off = false;
		return -ECONNRESET;
	}
	if (remote->state == REMOTE_CONNECTING) {
		remote->link = peer.link;
		return 1;
	}
	peer.asked = NULL;
	if (asked)
		remote_step_done(asked, 0);
	return 0;
}

static int peer_issue(struct remote *remote, struct remote_request *request)
{
	/* The tests ask for one thing at a time. */
	if (peer.steps == STEPS_MAX || peer.asked)
		return -EIO;
	peer.step[peer.steps].step = request->step;
	peer.step[peer.steps].offset = request->offset;
	peer.step[peer.steps].length = request->length;
	peer.step[peer.steps++].fua = request->fua;
	peer.asked = request;
	return speak();
}

static void peer_disconnect(struct remote *remote)
{
	peer.asked = NULL;
}

static void peer_free(struct remote *remote)
{
	close(peer.fd);
}

static const struct remote_protocol protocol = {
	.type = "peer",
	.connect = peer_connect,
	.wants = peer_wants,
	.service = peer_service,
	.issue = peer_issue,
	.disconnect = peer_disconnect,
	.free = peer_free,
};

static struct store *connected;
static struct store_queue *queue;

static void open_peer(bool writeback, bool can_fua, bool can_fua_zeroes)
{
	struct remote *remote = calloc(1, sizeof(*remote));
	struct vhu_reason reason;

	peer = (struct peer){
		.link = {
			.size_bytes = DISK_BYTES,
			.block_bytes = 512,
			.physical_bytes = 512,
			.max_transfer_bytes = DISK_BYTES,
			.max_zeroes_bytes = 65536,
			.can_flush = true,
			.can_fua = can_fua,
			.can_fua_zeroes = can_fua_zeroes,
		},
		.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
	};
	assert_true(peer.fd >= 0);
	assert_non_null(remote);
	remote->protocol = &protocol;
	remote->timeout_ns = 20000000000;
	remote->writeback = writeback;
	assert_int_equal(remote_open(remote, &connected, &reason), 0);
	queue = open_queue(connected);
}

static void close_peer(void)
{
	store_queue_close(queue);
	store_close(connected);
}

static void expect_step(unsigned int n, enum remote_step step, uint64_t offset, uint64_t length,
			bool fua)
{
	assert_true(n < peer.steps);
	assert_int_equal(peer.step[n].step, step);
	assert_int_equal(peer.step[n].length, length);
	assert_int_equal(peer.step[n].fua, fua);
	if (step != REMOTE_FLUSH)
		assert_int_equal(peer.step[n].offset, offset);
}

static void zeroes(unsigned int flags, uint64_t length)
{
	assert_int_equal(do_op(queue, STORE_WRITE_ZEROES, flags, 0, length, NULL, 0), 0);
}

static void a_write_is_durable_by_itself_where_the_peer_can(void **state)
{
	char data[512] = { 0 };

	open_peer(false, true, true);
	assert_int_equal(do_write(queue, 1024, data, sizeof(data)), 0);
	zeroes(0, 4096);
	close_peer();
	assert_int_equal(peer.steps, 2);
	expect_step(0, REMOTE_WRITE, 1024, 512, true);
	expect_step(1, REMOTE_ZEROES, 0, 4096, true);
}

static void a_write_is_flushed_where_the_peer_cannot(void **state)
{
	char data[512] = { 0 };

	open_peer(false, false, false);
	assert_int_equal(do_write(queue, 1024, data, sizeof(data)), 0);
	close_peer();
	assert_int_equal(peer.steps, 2);
	expect_step(0, REMOTE_WRITE, 1024, 512, false);
	expect_step(1, REMOTE_FLUSH, 0, 0, false);
}

/* SCSI: WRITE has an FUA bit, WRITE SAME has none. */
static void zeroes_are_flushed_where_only_a_write_is_durable_by_itself(void **state)
{
	char data[512] = { 0 };

	open_peer(false, true, false);
	zeroes(0, 65536 + 512);
	assert_int_equal(do_write(queue, 1024, data, sizeof(data)), 0);
	close_peer();
	assert_int_equal(peer.steps, 4);
	expect_step(0, REMOTE_ZEROES, 0, 65536, false);
	expect_step(1, REMOTE_ZEROES, 65536, 512, false);
	expect_step(2, REMOTE_FLUSH, 0, 0, false);
	expect_step(3, REMOTE_WRITE, 1024, 512, true);
}

static void with_writeback_only_what_asks_for_it_is_durable(void **state)
{
	open_peer(true, true, false);
	zeroes(0, 512);
	zeroes(STORE_F_FUA, 512);
	close_peer();
	assert_int_equal(peer.steps, 3);
	expect_step(0, REMOTE_ZEROES, 0, 512, false);
	expect_step(1, REMOTE_ZEROES, 0, 512, false);
	expect_step(2, REMOTE_FLUSH, 0, 0, false);
}

static int flush(struct store_queue *of, unsigned int flags)
{
	return do_op(of, STORE_FLUSH, flags, 0, 0, NULL, 0);
}

/* What nobody else knows: whether the peer still has the write that no flush covered. */
static void write_and_break_off(void)
{
	char data[512] = { 0 };

	assert_int_equal(do_write(queue, 1024, data, sizeof(data)), 0);
	peer.break_off = true;
	assert_int_equal(speak(), 0);
}

/* A flush is of all queues: each user has to hear of the loss, whoever asks first. */
static void a_cache_that_was_lost_is_told_once_to_every_queue(void **state)
{
	struct store_queue *second, *late;

	open_peer(true, true, true);
	second = open_queue(connected);
	write_and_break_off();
	assert_int_equal(flush(queue, 0), -EIO);
	assert_int_equal(flush(queue, 0), 0);
	assert_int_equal(flush(second, 0), -EIO);
	assert_int_equal(flush(second, 0), 0);
	/* It has no users from before. */
	late = open_queue(connected);
	assert_int_equal(flush(late, 0), 0);
	store_queue_close(late);
	store_queue_close(second);
	close_peer();
}

static void a_flush_that_no_user_asked_for_spares_none_the_news(void **state)
{
	open_peer(true, true, true);
	write_and_break_off();
	assert_int_equal(flush(queue, STORE_F_ASIDE), -EIO);
	assert_int_equal(flush(queue, STORE_F_ASIDE), -EIO);
	assert_int_equal(flush(queue, 0), -EIO);
	assert_int_equal(flush(queue, STORE_F_ASIDE), 0);
	close_peer();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_is_durable_by_itself_where_the_peer_can),
		cmocka_unit_test(a_write_is_flushed_where_the_peer_cannot),
		cmocka_unit_test(zeroes_are_flushed_where_only_a_write_is_durable_by_itself),
		cmocka_unit_test(with_writeback_only_what_asks_for_it_is_durable),
		cmocka_unit_test(a_cache_that_was_lost_is_told_once_to_every_queue),
		cmocka_unit_test(a_flush_that_no_user_asked_for_spares_none_the_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
