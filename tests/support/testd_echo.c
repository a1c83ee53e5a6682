/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device of requests, as a disk is one: what is readable in a request is copied into what is
 * writable. The first four bytes are its number; one with the top bit set is held until
 * "release", so that requests are under way, and are then done from the newest to the oldest.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "testd.h"
#include "vhost-relay/vring/queue.h"

#define HELD	0x80000000u
#define PIECES	64u

struct request {
	struct request *older;
	unsigned int ring;
	struct vhr_taken taken;
	struct vhr_chain chain;
	struct iovec iov[PIECES];
};

static struct request *held;

static uint32_t
number_of(const struct request *r)
{
	uint32_t number = 0;

	if (r->chain.readable != 0 && r->iov[0].iov_len >= sizeof(number))
		memcpy(&number, r->iov[0].iov_base, sizeof(number));
	return le32toh(number);
}

static uint32_t
echo(const struct request *r)
{
	const struct iovec *from = r->iov, *to = r->iov + r->chain.readable;
	const struct iovec *end = to + r->chain.writable;
	size_t from_at = 0, to_at = 0, total = 0;

	while (from != r->iov + r->chain.readable && to != end) {
		size_t n = from->iov_len - from_at;

		if (n > to->iov_len - to_at)
			n = to->iov_len - to_at;
		memcpy((uint8_t *)to->iov_base + to_at, (uint8_t *)from->iov_base + from_at, n);
		total += n;
		from_at += n;
		to_at += n;
		if (from_at == from->iov_len) {
			from++;
			from_at = 0;
		}
		if (to_at == to->iov_len) {
			to++;
			to_at = 0;
		}
	}
	return (uint32_t)total;
}

static void
finish(struct testd *d, struct request *r)
{
	struct vhr_ring *ring = vhr_ring(d->session, r->ring);
	uint32_t written = echo(r);

	vhr_queue_push(ring, &r->taken, written);
	d->counters.frames++;
	d->counters.bytes += written;
	free(r);
}

/* One request: 1, or what vhr_queue_pop() says. */
static int
take(struct testd *d, unsigned int index)
{
	struct request *r = malloc(sizeof(*r));
	int ret;

	if (r == NULL)
		return 0;
	r->ring = index;
	r->chain = (struct vhr_chain){ .iov = r->iov, .iov_max = PIECES };
	ret = vhr_queue_pop(vhr_ring(d->session, index), &r->taken, &r->chain);
	if (ret != 1 && ret != -E2BIG) {
		free(r);
		return ret;
	}
	if (d->counters.taken < TESTD_TAKEN_MAX)
		d->taken[d->counters.taken] = number_of(r);
	d->counters.taken++;
	if (ret == 1 && (number_of(r) & HELD) != 0) {
		r->older = held;
		held = r;
	} else {
		finish(d, r);
	}
	return 1;
}

static bool
service(struct testd *d)
{
	bool busy = false;
	unsigned int i;

	for (i = 0; i < d->options.max_rings; i++) {
		struct vhr_ring *ring = vhr_ring(d->session, i);

		if (!ring->ready)
			continue;
		vhr_queue_want_kicks(ring, false);
		while (take(d, i) == 1)
			busy = true;
		vhr_queue_flush(ring);
	}
	return busy;
}

static bool
arm(struct testd *d)
{
	bool more = false;
	unsigned int i;

	for (i = 0; i < d->options.max_rings; i++) {
		struct vhr_ring *ring = vhr_ring(d->session, i);

		if (ring->ready)
			more |= vhr_queue_want_kicks(ring, true);
	}
	return more;
}

unsigned int
testd_echo_release(struct testd *d)
{
	unsigned int i, n = 0;

	while (held != NULL) {
		struct request *r = held;

		held = r->older;
		finish(d, r);
		n++;
	}
	for (i = 0; i < d->options.max_rings; i++)
		vhr_queue_flush(vhr_ring(d->session, i));
	return n;
}

/* A ring stops: finish what was taken, in this life or an earlier one. */
static void
drain(struct testd *d, unsigned int index)
{
	struct vhr_ring *ring = vhr_ring(d->session, index);

	while (vhr_queue_left(ring) != 0 && take(d, index) == 1)
		;
	testd_echo_release(d);
}

const struct testd_device testd_echo = {
	.name = "echo",
	.features = 1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_RING_F_EVENT_IDX,
	.service = service,
	.arm = arm,
	.drain = drain,
};
