/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vvu-holder EAL-OPTIONS
 *
 * A program on DPDK that keeps packets for as long as it is told to, of port 0. One command
 * a line on stdin, one answer a line on stdout:
 *
 *   hold N        receive until N more packets are held, or nothing came for 10 s: "held N"
 *   data I        the bytes of packet I: "data HEXADECIMAL"
 *   external I    "external 1" when they are not in the mbuf's own buffer, else "external 0"
 *   segments I    "segments N"
 *   behead I      free its first segment, the rest is packet I: "freed"
 *   free I        "freed"; a packet keeps its number
 *   free all
 *   send I        transmit packet I on port 0: "sent 1", or "sent 0", and it is kept
 *   poll          one burst that takes nothing but what the driver does by itself: "polled"
 *   stop, start, close, remove
 *                 what ethdev and EAL have for it: "done" or "error N"
 *   later I MS    another thread frees packet I in so many milliseconds: "freed"
 *   quit
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#define PORT		0
#define PACKETS		4096u
#define HOLD_SECONDS	10u

static struct rte_mbuf *held[PACKETS];
static unsigned int num_held;

static int
setup_port(void)
{
	const struct rte_eth_conf conf = {
		.rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER,
		.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS,
	};
	struct rte_mempool *pool;
	int ret;

	pool = rte_pktmbuf_pool_create("packets", PACKETS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       rte_socket_id());
	if (pool == NULL)
		return -ENOMEM;
	ret = rte_eth_dev_configure(PORT, 1, 1, &conf);
	if (ret == 0)
		ret = rte_eth_rx_queue_setup(PORT, 0, 256, rte_socket_id(), NULL, pool);
	if (ret == 0)
		ret = rte_eth_tx_queue_setup(PORT, 0, 256, rte_socket_id(), NULL);
	if (ret == 0)
		ret = rte_eth_dev_start(PORT);
	return ret;
}

static void
hold(unsigned int wanted)
{
	uint64_t deadline = rte_get_timer_cycles() + HOLD_SECONDS * rte_get_timer_hz();
	unsigned int end = num_held + wanted;

	while (num_held < end && end <= PACKETS && rte_get_timer_cycles() < deadline)
		num_held += rte_eth_rx_burst(PORT, 0, &held[num_held],
					     (uint16_t)RTE_MIN(end - num_held, 32u));
	printf("held %u\n", num_held);
}

static struct rte_mbuf *
packet(const char *number)
{
	unsigned int i = (unsigned int)atoi(number);

	return i < num_held ? held[i] : NULL;
}

static void
print_data(const struct rte_mbuf *m)
{
	const uint8_t *data;
	uint32_t i;

	printf("data ");
	for (; m != NULL; m = m->next) {
		data = rte_pktmbuf_mtod(m, const uint8_t *);
		for (i = 0; i < m->data_len; i++)
			printf("%02x", data[i]);
	}
	printf("\n");
}

static void
behead(struct rte_mbuf **packet)
{
	struct rte_mbuf *head = *packet, *rest = head->next;

	rest->pkt_len = head->pkt_len - head->data_len;
	rest->nb_segs = (uint16_t)(head->nb_segs - 1);
	rte_pktmbuf_free_seg(head);
	*packet = rest;
	printf("freed\n");
}

static void
free_packets(const char *which)
{
	unsigned int i;

	for (i = 0; i < num_held; i++) {
		if (strcmp(which, "all") == 0 || (unsigned int)atoi(which) == i) {
			rte_pktmbuf_free(held[i]);
			held[i] = NULL;
		}
	}
	printf("freed\n");
}

static void
send_packet(const char *number)
{
	unsigned int i = (unsigned int)atoi(number);
	uint16_t sent = rte_eth_tx_burst(PORT, 0, &held[i], 1);

	if (sent == 1)
		held[i] = NULL;
	printf("sent %u\n", sent);
}

struct later {
	struct rte_mbuf *m;
	unsigned int ms;
};

static void *
free_later(void *arg)
{
	struct later *later = arg;

	usleep(later->ms * 1000);
	rte_pktmbuf_free(later->m);
	free(later);
	return NULL;
}

static void
start_later(const char *number, const char *ms)
{
	struct later *later = malloc(sizeof(*later));
	unsigned int i = (unsigned int)atoi(number);
	pthread_t thread;

	if (later == NULL)
		abort();
	*later = (struct later){ .m = held[i], .ms = (unsigned int)atoi(ms) };
	held[i] = NULL;
	if (pthread_create(&thread, NULL, free_later, later) != 0)
		abort();
	pthread_detach(thread);
	printf("freed\n");
}

static int
remove_device(void)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(PORT, &info);

	return ret == 0 ? rte_dev_remove(info.device) : ret;
}

static void
answer(int ret)
{
	if (ret == 0)
		printf("done\n");
	else
		printf("error %d\n", ret);
}

/* False: quit. */
static bool
command(char *line)
{
	const char *name = strtok(line, " \n"), *first = strtok(NULL, " \n");
	const char *second = strtok(NULL, " \n");
	struct rte_mbuf *none[1];

	if (name == NULL || strcmp(name, "quit") == 0)
		return false;
	if (strcmp(name, "hold") == 0 && first != NULL)
		hold((unsigned int)atoi(first));
	else if (strcmp(name, "data") == 0 && first != NULL)
		print_data(packet(first));
	else if (strcmp(name, "external") == 0 && first != NULL && packet(first) != NULL)
		printf("external %d\n", RTE_MBUF_HAS_EXTBUF(packet(first)) ? 1 : 0);
	else if (strcmp(name, "segments") == 0 && first != NULL && packet(first) != NULL)
		printf("segments %u\n", packet(first)->nb_segs);
	else if (strcmp(name, "behead") == 0 && first != NULL && packet(first) != NULL &&
		 packet(first)->nb_segs > 1)
		behead(&held[atoi(first)]);
	else if (strcmp(name, "free") == 0 && first != NULL)
		free_packets(first);
	else if (strcmp(name, "send") == 0 && first != NULL && packet(first) != NULL)
		send_packet(first);
	else if (strcmp(name, "later") == 0 && second != NULL && packet(first) != NULL)
		start_later(first, second);
	else if (strcmp(name, "poll") == 0)
		printf("polled%s\n", rte_eth_rx_burst(PORT, 0, none, 0) == 0 ? "" : " wrong");
	else if (strcmp(name, "stop") == 0)
		answer(rte_eth_dev_stop(PORT));
	else if (strcmp(name, "start") == 0)
		answer(rte_eth_dev_start(PORT));
	else if (strcmp(name, "close") == 0)
		answer(rte_eth_dev_close(PORT));
	else if (strcmp(name, "remove") == 0)
		answer(remove_device());
	else
		printf("what is %s?\n", name);
	fflush(stdout);
	return true;
}

int
main(int argc, char **argv)
{
	char line[128];
	int ret;

	if (rte_eal_init(argc, argv) < 0)
		return 2;
	ret = setup_port();
	if (ret != 0) {
		fprintf(stderr, "port %d: %s\n", PORT, strerror(-ret));
		return 2;
	}
	printf("ready\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin) != NULL && command(line))
		;
	return 0;
}
