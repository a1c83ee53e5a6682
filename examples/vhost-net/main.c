/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vhost-net: a learning switch between frontends. It uses DPDK's public API alone; its
 * ports are net_vvu's or any other ethdev's.
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "fdb.h"
#include "forward.h"
#include "options.h"
#include "ports.h"
#include "stats.h"
#include "wait.h"

#define LINK_POLL_MS 100
/* How long a forwarding thread sleeps at most: it looks whether it should end. */
#define SLEEP_MS 100
/* ... and one that has the other tasks as well; and the pause of a thread with only those. */
#define HOUSEKEEPING_MS 10

static atomic_bool stop;
static struct options options;
static uint64_t started;

static void on_signal(int number)
{
	atomic_store(&stop, true);
}

static double seconds_now(void)
{
	return (double)(rte_rdtsc() - started) / (double)rte_get_tsc_hz();
}

static int forward_thread(void *arg)
{
	struct forwarder *forwarder = arg;
	struct waiter waiter;

	waiter_init(&waiter, forwarder, &options, SLEEP_MS);
	while (!atomic_load_explicit(&stop, memory_order_relaxed))
		waiter_round(&waiter, forward_round(forwarder, (uint32_t)seconds_now()));
	waiter_fini(&waiter);
	return 0;
}

/* When the next of each periodic task is due, in seconds since the start. */
struct schedule {
	double links, sweep, stats;
};

/* Links, ageing, statistics, the end. 0 or the error of a file that cannot be written. */
static int housekeeping(struct schedule *next)
{
	double now = seconds_now();
	bool all = now >= next->links;
	uint64_t down = ports_poll(all);

	if (all)
		next->links = now + LINK_POLL_MS / 1e3;
	if (down || now >= next->sweep) {
		fdb_sweep((uint32_t)now, down);
		next->sweep = now + 1;
	}
	if (options.duration_s && now >= options.duration_s)
		atomic_store(&stop, true);
	if (options.stats_interval_s && now >= next->stats) {
		next->stats += options.stats_interval_s;
		stats_print(now);
		if (options.json)
			return stats_write(options.json, now);
	}
	return 0;
}

/* The main lcore forwards itself where it is the only one. */
static int run_alone(void)
{
	uint64_t step = rte_get_tsc_hz() / 1000, due = 0;
	struct schedule next = { .stats = options.stats_interval_s };
	struct waiter waiter;
	int ret = 0;

	waiter_init(&waiter, &forwarders[0], &options, HOUSEKEEPING_MS);
	while (!ret && !atomic_load_explicit(&stop, memory_order_relaxed)) {
		if (rte_rdtsc() >= due) {
			ret = housekeeping(&next);
			due = rte_rdtsc() + step;
		}
		waiter_round(&waiter, forward_round(&forwarders[0], (uint32_t)seconds_now()));
	}
	waiter_fini(&waiter);
	return ret;
}

static int run_workers(void)
{
	struct schedule next = { .stats = options.stats_interval_s };
	struct timespec pause = { .tv_nsec = options.adaptive ? HOUSEKEEPING_MS * 1000000 :
							       1000000 };
	int ret = 0;

	for (unsigned int i = 0; !ret && i < nb_forwarders; i++)
		ret = rte_eal_remote_launch(forward_thread, &forwarders[i], forwarders[i].lcore);
	while (!ret && !atomic_load(&stop)) {
		ret = housekeeping(&next);
		nanosleep(&pause, NULL);
	}
	atomic_store(&stop, true);
	rte_eal_mp_wait_lcore();
	return ret;
}

static void announce(void)
{
	for (unsigned int i = 0; i < nb_ports; i++)
		printf("port %u %s (%s): %u queue pairs, " RTE_ETHER_ADDR_PRT_FMT ", frames up to "
		       "%u bytes\n", i, ports[i].name, ports[i].driver, ports[i].queues,
		       RTE_ETHER_ADDR_BYTES(&ports[i].mac), atomic_load(&ports[i].max_frame));
	printf("ready: %u ports, %u forwarding threads\n", nb_ports, nb_forwarders);
	fflush(stdout);
}

static int run(void)
{
	int ret = ports_open(&options);
	bool counting = false;

	if (!ret)
		ret = fdb_create(options.addresses, nb_ports, options.age_s);
	if (!ret)
		ret = forward_create();
	if (!ret) {
		announce();
		started = rte_rdtsc();
		counting = true;
		ret = rte_lcore_count() > 1 ? run_workers() : run_alone();
	}
	if (counting && options.json) {
		int written = stats_write(options.json, seconds_now());

		ret = ret ? ret : written;
	}
	if (counting && options.stats_interval_s)
		stats_print(seconds_now());
	forward_destroy();
	ports_close();
	fdb_destroy();
	return ret;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int ret, used = rte_eal_init(argc, argv);

	if (used < 0) {
		fprintf(stderr, "EAL: %s\n", rte_strerror(rte_errno));
		return EXIT_FAILURE;
	}
	ret = options_parse(&options, argc - used, argv + used);
	if (ret == 0) {
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		ret = run();
	} else if (ret > 0) {
		ret = 0;
	}
	if (rte_eal_cleanup() && !ret)
		ret = -1;
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
