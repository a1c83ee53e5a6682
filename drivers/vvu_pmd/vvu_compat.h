/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What differs between the DPDK releases this driver compiles for (22.11, 24.11, 25.11);
 * nothing else in the driver looks at the version.
 */
#ifndef VVU_PMD_COMPAT_H
#define VVU_PMD_COMPAT_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#include <ethdev_driver.h>
#include <rte_lcore.h>
#include <rte_telemetry.h>
#include <rte_thread.h>
#include <rte_version.h>

/* A thread that stays off the lcores; rte_ctrl_thread_create() went away in 23.11. */
#if RTE_VERSION >= RTE_VERSION_NUM(23, 11, 0, 0)
typedef uint32_t vvu_thread_return;
#define VVU_THREAD_RETURN 0u
struct vvu_thread {
	rte_thread_t id;
};

static inline int
vvu_thread_create(struct vvu_thread *thread, const char *name, rte_thread_func func)
{
	return -rte_thread_create_control(&thread->id, name, func, NULL);
}

static inline void
vvu_thread_join(struct vvu_thread *thread)
{
	rte_thread_join(thread->id, NULL);
}
#else
typedef void *vvu_thread_return;
#define VVU_THREAD_RETURN NULL
struct vvu_thread {
	pthread_t id;
};

static inline int
vvu_thread_create(struct vvu_thread *thread, const char *name, void *(*func)(void *))
{
	return rte_ctrl_thread_create(&thread->id, name, NULL, func, NULL);
}

static inline void
vvu_thread_join(struct vvu_thread *thread)
{
	pthread_join(thread->id, NULL);
}
#endif

/* rte_tel_data_add_dict_u64() was renamed in 23.03. */
static inline int
vvu_tel_add_u64(struct rte_tel_data *dict, const char *name, uint64_t value)
{
#if RTE_VERSION >= RTE_VERSION_NUM(23, 3, 0, 0)
	return rte_tel_data_add_dict_uint(dict, name, value);
#else
	return rte_tel_data_add_dict_u64(dict, name, value);
#endif
}

/* What the operation that counts packets returns: unsigned, or in later releases signed. */
typedef __typeof__(((eth_rx_queue_count_t)0)(NULL)) vvu_rx_queue_count_t;

/* Per-queue counters left struct rte_eth_stats in 25.11. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
#define VVU_STATS_GET_PARAMS(dev, stats) \
	struct rte_eth_dev *dev, struct rte_eth_stats *stats, struct eth_queue_stats *queue_stats
#define VVU_QUEUE_STATS(stats) (queue_stats)
#else
#define VVU_STATS_GET_PARAMS(dev, stats) struct rte_eth_dev *dev, struct rte_eth_stats *stats
#define VVU_QUEUE_STATS(stats) (stats)
#endif

#endif
