/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sleeping on receive interrupts as a power-aware forwarder does: by hand, and in a loop that
 * sends back what it receives; and a loop at the other end that sends one frame at a time and
 * waits for it to come back.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "common/histogram.h"
#include "common/rxwait.h"
#include "pmd-exerciser.h"

#define BURST 32
#define MAX_QUEUES 128
#define FRAME_BYTES 60
#define STAMP_AT 16	/* in the frame: when it was sent */

static struct {
	struct rxwait_queue queue[MAX_QUEUES];
	unsigned int num;
	unsigned int spins;		/* empty rounds before it sleeps */
	int timeout_ms;
	atomic_bool stop;
	int result;
	uint64_t packets, sleeps, timeouts;
	uint64_t missed;		/* slept to the end with a packet there */
	struct histogram wake_ns;	/* from sending to the first burst after a sleep */
} echo;

static uint64_t
to_ns(uint64_t cycles)
{
	return (uint64_t)((double)cycles * 1e9 / (double)rte_get_tsc_hz());
}

static void
note_wake(const struct rte_mbuf *mbuf)
{
	uint64_t sent, now = rte_rdtsc();

	if (mbuf->data_len < FRAME_BYTES)
		return;
	memcpy(&sent, rte_pktmbuf_mtod_offset(mbuf, const char *, STAMP_AT), sizeof(sent));
	if (sent != 0 && now > sent)
		histogram_add(&echo.wake_ns, to_ns(now - sent));
}

static unsigned int
echo_round(bool woken)
{
	struct rte_mbuf *pkts[BURST];
	unsigned int i, total = 0;
	uint16_t n, sent;

	for (i = 0; i < echo.num; i++) {
		n = rte_eth_rx_burst(echo.queue[i].port, echo.queue[i].queue, pkts, BURST);
		if (n > 0 && woken && total == 0)
			note_wake(pkts[0]);
		total += n;
		sent = rte_eth_tx_burst(echo.queue[i].port, echo.queue[i].queue, pkts, n);
		for (; sent < n; sent++)
			send_packet(echo.queue[i].port, echo.queue[i].queue, pkts[sent]);
	}
	echo.packets += total;
	return total;
}

static int
echo_loop(void *arg)
{
	unsigned int i, idle = 0;
	bool woken = false;
	int ret = 0;

	for (i = 0; ret == 0 && i < echo.num; i++)
		ret = rxwait_add(echo.queue[i]);
	while (ret >= 0 && !atomic_load(&echo.stop)) {
		if (echo_round(woken) != 0) {
			idle = 0;
			woken = false;
			continue;
		}
		woken = false;
		if (++idle < echo.spins)
			continue;
		idle = 0;
		ret = rxwait_sleep(echo.queue, echo.num, echo.timeout_ms);
		echo.sleeps++;
		woken = ret > 0;
		if (ret == 0) {
			echo.timeouts++;
			if (echo_round(false) != 0)
				echo.missed++;
		}
	}
	for (i = 0; i < echo.num; i++)
		rxwait_remove(echo.queue[i]);
	echo.result = ret < 0 ? ret : 0;
	return 0;
}

/* echo SPINS TIMEOUT_MS: all queues of all ports, in another thread */
static int
do_echo(const unsigned long *arg)
{
	unsigned int lcore = rte_get_next_lcore(-1, 1, 0), queue;
	uint16_t port;
	int ret;

	memset(&echo, 0, sizeof(echo));
	echo.spins = (unsigned int)arg[0];
	echo.timeout_ms = (int)arg[1];
	RTE_ETH_FOREACH_DEV(port) {
		for (queue = 0; queue < num_queues && echo.num < MAX_QUEUES; queue++)
			echo.queue[echo.num++] = (struct rxwait_queue){ port, (uint16_t)queue };
	}
	ret = rte_eal_remote_launch(echo_loop, NULL, lcore);
	if (ret == 0)
		printf("ok\n");
	return ret;
}

static void
print_times(const char *name, const struct histogram *times)
{
	printf(" %s_count=%" PRIu64 " %s_p50_ns=%" PRIu64 " %s_p90_ns=%" PRIu64
	       " %s_p99_ns=%" PRIu64 " %s_max_ns=%" PRIu64, name, times->count, name,
	       histogram_percentile(times, 500), name, histogram_percentile(times, 900), name,
	       histogram_percentile(times, 990), name, times->max);
}

static int
do_echo_stop(const unsigned long *arg)
{
	wait_finish();
	if (echo.result != 0)
		return echo.result;
	printf("ok packets=%" PRIu64 " sleeps=%" PRIu64 " timeouts=%" PRIu64 " missed=%" PRIu64,
	       echo.packets, echo.sleeps, echo.timeouts, echo.missed);
	print_times("wake", &echo.wake_ns);
	printf("\n");
	return 0;
}

void
wait_finish(void)
{
	atomic_store(&echo.stop, true);
	rte_eal_mp_wait_lcore();
}

static void
pause_us(unsigned long us)
{
	uint64_t end = rte_rdtsc() + us * (rte_get_tsc_hz() / 1000000);

	/* A thread that waits leaves the core to the one it waits for. */
	if (us >= 1000)
		rte_delay_us_sleep((unsigned int)us);
	while (rte_rdtsc() < end)
		;
}

static int
send_frame(uint16_t port, uint16_t queue)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	uint64_t now;
	char *frame;

	if (mbuf == NULL)
		return -ENOMEM;
	frame = rte_pktmbuf_append(mbuf, FRAME_BYTES);
	memset(frame, 0xff, FRAME_BYTES);
	now = rte_rdtsc();
	memcpy(frame + STAMP_AT, &now, sizeof(now));
	return send_packet(port, queue, mbuf) == 1 ? 0 : -EAGAIN;
}

static int
receive_frame(uint16_t port, uint16_t queue, uint64_t timeout_cycles)
{
	uint64_t begun = rte_rdtsc();
	struct rte_mbuf *mbuf;

	while (rte_eth_rx_burst(port, queue, &mbuf, 1) == 0) {
		if (rte_rdtsc() - begun > timeout_cycles)
			return -ETIMEDOUT;
		/* On one core with the other end, it would not run otherwise. */
		sched_yield();
	}
	rte_pktmbuf_free(mbuf);
	return 0;
}

/* ping PORT COUNT GAP_US TIMEOUT_MS: with gaps of 0 to GAP_US, on all queues in turn */
static int
do_ping(const unsigned long *arg)
{
	static struct histogram round_ns;
	uint16_t port = (uint16_t)arg[0];
	uint64_t timeout = arg[3] * (rte_get_tsc_hz() / 1000), begun;
	uint32_t random = 12345;
	unsigned long i;
	uint16_t queue;
	int ret = 0;

	memset(&round_ns, 0, sizeof(round_ns));
	for (i = 0; ret == 0 && i < arg[1]; i++) {
		random = random * 1664525 + 1013904223;
		pause_us(arg[2] == 0 ? 0 : (random >> 8) % (arg[2] + 1));
		queue = (uint16_t)(i % num_queues);
		begun = rte_rdtsc();
		ret = send_frame(port, queue);
		if (ret == 0)
			ret = receive_frame(port, queue, timeout);
		if (ret == 0)
			histogram_add(&round_ns, to_ns(rte_rdtsc() - begun));
	}
	if (ret != 0)
		return ret;
	printf("ok");
	print_times("round", &round_ns);
	printf("\n");
	return 0;
}

/* watch PORT QUEUE: register with this thread's epoll instance */
static int
do_watch(const unsigned long *arg)
{
	int ret = rxwait_add((struct rxwait_queue){ (uint16_t)arg[0], (uint16_t)arg[1] });

	if (ret == 0)
		printf("ok\n");
	return ret;
}

static int
do_unwatch(const unsigned long *arg)
{
	rxwait_remove((struct rxwait_queue){ (uint16_t)arg[0], (uint16_t)arg[1] });
	printf("ok\n");
	return 0;
}

static int
do_enable(const unsigned long *arg)
{
	int ret = rte_eth_dev_rx_intr_enable((uint16_t)arg[0], (uint16_t)arg[1]);

	if (ret == 0)
		printf("ok\n");
	return ret;
}

static int
do_disable(const unsigned long *arg)
{
	int ret = rte_eth_dev_rx_intr_disable((uint16_t)arg[0], (uint16_t)arg[1]);

	if (ret == 0)
		printf("ok\n");
	return ret;
}

/* wait TIMEOUT_MS: "ok N" events on what is watched */
static int
do_wait(const unsigned long *arg)
{
	struct rte_epoll_event events[RXWAIT_EVENTS];
	int ret = rte_epoll_wait(RTE_EPOLL_PER_THREAD, events, RXWAIT_EVENTS, (int)arg[0]);

	if (ret == 0)
		printf("ok 0\n");
	return ret;
}

const struct command wait_commands[] = {
	{ "echo", 2, do_echo },
	{ "echo-stop", 0, do_echo_stop },
	{ "ping", 4, do_ping },
	{ "watch", 2, do_watch },
	{ "unwatch", 2, do_unwatch },
	{ "enable", 2, do_enable },
	{ "disable", 2, do_disable },
	{ "wait", 1, do_wait },
	{ NULL, 0, NULL },
};
