/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network that gives every frame back: what comes from ring 2 i + 1 (the frontend's
 * transmit queue) goes to ring 2 i (its receive queue). Nothing is dropped for lack of
 * receive buffers: the frame stays in its ring until there are enough.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <linux/virtio_net.h>

#include "testd.h"
#include "vhost-relay/vring/split.h"

#define IOV_MAX_ENTRIES 512u
#define BURST 64u
#define HDR_SIZE sizeof(struct virtio_net_hdr_mrg_rxbuf)	/* VERSION_1: always 12 */

static struct iovec tx_iov[IOV_MAX_ENTRIES], rx_iov[IOV_MAX_ENTRIES], first_iov[IOV_MAX_ENTRIES];

struct cursor {
	const struct iovec *iov;
	unsigned int entries;
	size_t offset;		/* in *iov */
};

/* Copy up to @len bytes from one place to the other; returns how many had room. */
static uint64_t
copy(struct cursor *to, struct cursor *from, uint64_t len)
{
	uint64_t done = 0;

	while (done < len && to->entries != 0 && from->entries != 0) {
		size_t n = to->iov->iov_len - to->offset;

		if (n > from->iov->iov_len - from->offset)
			n = from->iov->iov_len - from->offset;
		if (n > len - done)
			n = (size_t)(len - done);
		memcpy((uint8_t *)to->iov->iov_base + to->offset,
		       (const uint8_t *)from->iov->iov_base + from->offset, n);
		done += n;
		to->offset += n;
		from->offset += n;
		if (to->offset == to->iov->iov_len) {
			to->iov++;
			to->entries--;
			to->offset = 0;
		}
		if (from->offset == from->iov->iov_len) {
			from->iov++;
			from->entries--;
			from->offset = 0;
		}
	}
	return done;
}

static void
skip(struct cursor *c, size_t len)
{
	while (len != 0 && c->entries != 0) {
		size_t n = c->iov->iov_len - c->offset;

		if (len < n) {
			c->offset += len;
			return;
		}
		len -= n;
		c->iov++;
		c->entries--;
		c->offset = 0;
	}
}

enum outcome {
	DELIVERED,
	NO_ROOM,	/* for now */
	TOO_LARGE,	/* for what the frontend gives */
	BROKEN,
};

/* Header with @buffers, written last because the number is known last. */
static void
put_header(unsigned int entries, uint16_t buffers)
{
	struct virtio_net_hdr_mrg_rxbuf hdr = { .num_buffers = htole16(buffers) };
	struct iovec src = { .iov_base = &hdr, .iov_len = sizeof(hdr) };
	struct cursor from = { .iov = &src, .entries = 1 };
	struct cursor to = { .iov = first_iov, .entries = entries };

	copy(&to, &from, sizeof(hdr));
}

static enum outcome
deliver(struct vhr_ring *rx, struct cursor frame, uint64_t len)
{
	bool mergeable = (rx->features & 1ull << VIRTIO_NET_F_MRG_RXBUF) != 0;
	uint16_t available = vhr_split_available(rx), n = 0;
	unsigned int first_entries = 0;
	uint64_t left = len;

	while (n == 0 || left != 0) {
		struct vhr_chain chain = {
			.iov = n == 0 ? first_iov : rx_iov,
			.iov_max = IOV_MAX_ENTRIES,
		};
		struct cursor to;
		uint64_t put;

		if (n != 0 && !mergeable)
			return TOO_LARGE;
		if (n == available)
			return n == rx->size ? TOO_LARGE : NO_ROOM;
		if (vhr_split_head(rx, n, &chain.head) < 0 || vhr_split_walk(rx, &chain) < 0)
			return rx->broken ? BROKEN : TOO_LARGE;
		if (chain.readable != 0 || chain.writable_bytes < (n == 0 ? HDR_SIZE : 1)) {
			vhr_ring_break(rx, "receive chain %u: %llu bytes to read, %llu to write",
				       chain.head, (unsigned long long)chain.readable_bytes,
				       (unsigned long long)chain.writable_bytes);
			return BROKEN;
		}
		to = (struct cursor){ .iov = chain.iov, .entries = chain.writable };
		if (n == 0) {
			first_entries = chain.writable;
			skip(&to, HDR_SIZE);
		}
		put = copy(&to, &frame, left);
		left -= put;
		vhr_split_put_used(rx, n, chain.head, (uint32_t)(put + (n == 0 ? HDR_SIZE : 0)));
		n++;
	}
	put_header(first_entries, n);
	rx->last_avail = (uint16_t)(rx->last_avail + n);
	vhr_split_publish(rx, n);
	if (vhr_split_should_call(rx))
		vhr_ring_call(rx);
	return DELIVERED;
}

/* The frame at the head of @tx. False when it has to stay. */
static bool
take_one(struct testd *d, struct vhr_ring *tx, struct vhr_ring *rx)
{
	struct vhr_chain chain = { .iov = tx_iov, .iov_max = IOV_MAX_ENTRIES };
	struct cursor frame;
	int ret;

	if (vhr_split_head(tx, 0, &chain.head) < 0)
		return false;
	ret = vhr_split_walk(tx, &chain);
	if (ret == -EPROTO)
		return false;
	if (ret < 0 || chain.readable_bytes < HDR_SIZE) {
		d->counters.malformed++;
	} else if (!rx->ready) {
		d->counters.dropped++;
	} else {
		frame = (struct cursor){ .iov = tx_iov, .entries = chain.readable };
		skip(&frame, HDR_SIZE);
		switch (deliver(rx, frame, chain.readable_bytes - HDR_SIZE)) {
		case DELIVERED:
			d->counters.frames++;
			d->counters.bytes += chain.readable_bytes - HDR_SIZE;
			break;
		case NO_ROOM:
			d->ring[rx->index].starved = true;
			return false;
		case TOO_LARGE:
			d->counters.too_large++;
			break;
		case BROKEN:
			d->counters.dropped++;
			break;
		}
	}
	d->ring[rx->index].starved = false;
	tx->last_avail++;
	vhr_split_put_used(tx, 0, chain.head, 0);
	vhr_split_publish(tx, 1);
	return true;
}

static bool
service(struct testd *d)
{
	bool any = false;
	unsigned int i;

	for (i = 0; i + 1 < d->options.max_rings; i += 2) {
		struct vhr_ring *rx = vhr_ring(d->session, i), *tx = vhr_ring(d->session, i + 1);
		unsigned int n = 0;

		if (!tx->ready)
			continue;
		vhr_split_want_kicks(tx, false);
		if (rx->ready)
			vhr_split_want_kicks(rx, false);
		while (n < BURST && tx->ready && vhr_split_available(tx) != 0 &&
		       take_one(d, tx, rx))
			n++;
		if (n != 0 && tx->ready && vhr_split_should_call(tx))
			vhr_ring_call(tx);
		any |= n != 0;
	}
	return any;
}

static bool
arm(struct testd *d)
{
	bool more = false;
	unsigned int i;

	for (i = 0; i + 1 < d->options.max_rings; i += 2) {
		struct vhr_ring *rx = vhr_ring(d->session, i), *tx = vhr_ring(d->session, i + 1);

		/* The count of "available" was taken when the ring was last served. */
		if (tx->ready)
			more |= vhr_split_want_kicks(tx, true);
		if (rx->ready && d->ring[i].starved)
			more |= vhr_split_want_kicks(rx, true);
	}
	return more;
}

const struct testd_device testd_loop_net = {
	.name = "loop-net",
	.features = 1ull << VIRTIO_NET_F_MTU | 1ull << VIRTIO_NET_F_MRG_RXBUF |
		    1ull << VIRTIO_NET_F_STATUS | 1ull << VIRTIO_NET_F_CTRL_VQ |
		    1ull << VIRTIO_NET_F_MQ | 1ull << VIRTIO_RING_F_INDIRECT_DESC |
		    1ull << VIRTIO_RING_F_EVENT_IDX,
	.service = service,
	.arm = arm,
};
