/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "measure.h"

/* Bursts before the measured ones, 4 times round the ring: all code and memory is warm. */
#define WARM_BURSTS	(4 * RING_SIZE / MEASURE_BURST)
/* A port may leave a ring that it has emptied alone: net_vvu does for up to 5 us. */
#define REST_US		10

uint16_t measured_receive(uint16_t port, struct rte_mbuf **mbuf);
uint16_t measured_transmit(uint16_t port, struct rte_mbuf **mbuf);

__rte_noinline uint16_t measured_receive(uint16_t port, struct rte_mbuf **mbuf)
{
	return rte_eth_rx_burst(port, 0, mbuf, MEASURE_BURST);
}

__rte_noinline uint16_t measured_transmit(uint16_t port, struct rte_mbuf **mbuf)
{
	return rte_eth_tx_burst(port, 0, mbuf, MEASURE_BURST);
}

static uint16_t receive(uint16_t port, struct rte_mbuf **mbuf, bool warm,
			struct measured *measured)
{
	uint64_t begun;
	uint16_t got;

	rte_delay_us_block(REST_US);
	if (!warm)
		return rte_eth_rx_burst(port, 0, mbuf, MEASURE_BURST);
	begun = rte_rdtsc();
	got = measured_receive(port, mbuf);
	measured->cycles += rte_rdtsc() - begun;
	measured->packets += got;
	return got;
}

static uint16_t transmit(uint16_t port, struct rte_mbuf **mbuf, bool warm,
			 struct measured *measured)
{
	uint64_t begun;
	uint16_t sent;

	if (!warm)
		return rte_eth_tx_burst(port, 0, mbuf, MEASURE_BURST);
	begun = rte_rdtsc();
	sent = measured_transmit(port, mbuf);
	measured->cycles += rte_rdtsc() - begun;
	measured->packets += sent;
	return sent;
}

/* Data that tells which frame it is, at its start and at its end. */
static void mark(uint8_t *data, unsigned int size, uint64_t number)
{
	memcpy(data, &number, sizeof(number));
	memcpy(data + size - sizeof(number), &number, sizeof(number));
}

static bool marked(const uint8_t *data, unsigned int size, uint64_t number)
{
	return memcmp(data, &number, sizeof(number)) == 0 &&
	       memcmp(data + size - sizeof(number), &number, sizeof(number)) == 0;
}

static int fail(struct vhu_reason *reason, const char *what, unsigned int burst)
{
	vhu_reason_set(reason, "burst %u: %s", burst, what);
	return -EIO;
}

int measure_receive(struct frontend *frontend, uint16_t port, unsigned int size,
		    unsigned int bursts, struct measured *measured, struct vhu_reason *reason)
{
	struct driver *ring = &frontend->transmit;
	struct rte_mbuf *mbuf[MEASURE_BURST];
	uint32_t len[MEASURE_BURST];
	bool right;

	*measured = (struct measured){ 0 };
	for (unsigned int burst = 0; burst < WARM_BURSTS + bursts; burst++) {
		for (unsigned int i = 0; i < MEASURE_BURST; i++)
			mark(driver_buffer(ring, (uint16_t)(ring->posted + i)) + NET_HEADER, size,
			     (uint64_t)burst << 32 | i);
		ring->ops->post(ring, MEASURE_BURST, NET_HEADER + size);
		if (receive(port, mbuf, burst >= WARM_BURSTS, measured) != MEASURE_BURST)
			return fail(reason, "not all frames were received", burst);
		right = true;
		for (unsigned int i = 0; i < MEASURE_BURST; i++)
			right &= mbuf[i]->pkt_len == size && mbuf[i]->data_len == size &&
				 marked(rte_pktmbuf_mtod(mbuf[i], uint8_t *), size,
					(uint64_t)burst << 32 | i);
		rte_pktmbuf_free_bulk(mbuf, MEASURE_BURST);
		if (!right)
			return fail(reason, "a received frame is another than was sent", burst);
		if (ring->ops->take(ring, MEASURE_BURST, len))
			return fail(reason, "the buffers were not given back", burst);
	}
	return 0;
}

static int check_sent(struct driver *ring, unsigned int size, unsigned int burst,
		      struct vhu_reason *reason)
{
	uint16_t first = ring->taken;
	uint32_t len[MEASURE_BURST];

	if (ring->ops->take(ring, MEASURE_BURST, len))
		return fail(reason, "the buffers were not given back", burst);
	for (unsigned int i = 0; i < MEASURE_BURST; i++) {
		const uint8_t *at = driver_buffer(ring, (uint16_t)(first + i));

		/* num_buffers, little-endian, ends the header. */
		if (len[i] != NET_HEADER + size || (ring->mrg && (at[10] != 1 || at[11] != 0)) ||
		    !marked(at + NET_HEADER, size, (uint64_t)burst << 32 | i))
			return fail(reason, "a frame arrived as another than was sent", burst);
	}
	return 0;
}

int measure_transmit(struct frontend *frontend, uint16_t port, struct rte_mempool *pool,
		     unsigned int size, unsigned int bursts, struct measured *measured,
		     struct vhu_reason *reason)
{
	struct driver *ring = &frontend->receive;
	struct rte_mbuf *mbuf[MEASURE_BURST];
	int ret;

	*measured = (struct measured){ 0 };
	/* The ring is full of buffers, as a driver keeps it. */
	if (ring->posted == ring->taken)
		ring->ops->post(ring, RING_SIZE, BUFFER_BYTES);
	for (unsigned int burst = 0; burst < WARM_BURSTS + bursts; burst++) {
		if (rte_pktmbuf_alloc_bulk(pool, mbuf, MEASURE_BURST))
			return fail(reason, "no buffers are left", burst);
		for (unsigned int i = 0; i < MEASURE_BURST; i++) {
			mbuf[i]->pkt_len = size;
			mbuf[i]->data_len = (uint16_t)size;
			mark(rte_pktmbuf_mtod(mbuf[i], uint8_t *), size,
			     (uint64_t)burst << 32 | i);
		}
		if (transmit(port, mbuf, burst >= WARM_BURSTS, measured) != MEASURE_BURST)
			return fail(reason, "not all frames were accepted", burst);
		ret = check_sent(ring, size, burst, reason);
		if (ret)
			return ret;
		ring->ops->post(ring, MEASURE_BURST, BUFFER_BYTES);
	}
	return 0;
}
