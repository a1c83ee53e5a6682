/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>

#include <rte_config.h>
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_lcore.h>

#include "fdb.h"

static struct rte_hash *table;
static unsigned int share;
static unsigned int max_age_s;
/*
 * Addresses per port. Exact after each sweep, which counts anew; in between it only grows,
 * so a port never gets more than its share.
 */
static atomic_uint used[RTE_MAX_ETHPORTS];
static atomic_bool full;
static atomic_ullong learned, moved, refused;
static uint64_t aged;

static void *make_entry(unsigned int port, uint32_t now_s)
{
	return (void *)((uintptr_t)now_s << 8 | port);
}

_Static_assert(sizeof(uintptr_t) == 8, "an entry is a 32-bit time and an 8-bit port");

int fdb_create(unsigned int addresses, unsigned int nb_ports, unsigned int age_s)
{
	struct rte_hash_parameters parameters = {
		.name = "fdb",
		.entries = addresses,
		.key_len = sizeof(uint64_t),
		.socket_id = SOCKET_ID_ANY,
		/* A burst of look-ups takes the read lock once. */
		.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY |
			RTE_HASH_EXTRA_FLAGS_MULTI_WRITER_ADD,
	};

	table = rte_hash_create(&parameters);
	if (!table) {
		fprintf(stderr, "no MAC table of %u addresses: %s\n", addresses,
			rte_strerror(rte_errno));
		return -ENOMEM;
	}
	share = RTE_MAX(addresses / nb_ports, 1u);
	max_age_s = age_s;
	return 0;
}

void fdb_destroy(void)
{
	rte_hash_free(table);
	table = NULL;
}

uint64_t fdb_lookup(const uint64_t *keys, unsigned int n, void **entries)
{
	const void *pointers[FDB_LOOKUP_MAX];
	uint64_t hits = 0;

	for (unsigned int i = 0; i < n; i++)
		pointers[i] = &keys[i];
	if (n == 0 || rte_hash_lookup_bulk_data(table, pointers, n, &hits, entries) < 0)
		return 0;
	return hits;
}

bool fdb_learn(uint64_t key, unsigned int port, uint32_t now_s)
{
	void *old;
	bool known = rte_hash_lookup_data(table, &key, &old) >= 0;

	if (!known || fdb_port(old) != port) {
		if (atomic_load(&used[port]) >= share || (!known && atomic_load(&full))) {
			atomic_fetch_add(&refused, 1);
			return false;
		}
		atomic_fetch_add(&used[port], 1);
		atomic_fetch_add(known ? &moved : &learned, 1);
	}
	if (rte_hash_add_key_data(table, &key, make_entry(port, now_s)) == 0)
		return true;
	/* A search for room is long: no further one before the next sweep. */
	atomic_store(&full, true);
	atomic_fetch_sub(&learned, !known);
	atomic_fetch_add(&refused, 1);
	return false;
}

void fdb_sweep(uint32_t now_s, uint64_t ports)
{
	unsigned int count[RTE_MAX_ETHPORTS] = { 0 };
	const void *key;
	void *entry;
	uint32_t next = 0;

	while (rte_hash_iterate(table, &key, &entry, &next) >= 0) {
		unsigned int port = fdb_port(entry);

		if ((int32_t)(now_s - fdb_seen_s(entry)) <= (int32_t)max_age_s &&
		    !(ports >> port & 1)) {
			count[port]++;
			continue;
		}
		/* Of the key's own memory: an entry that is replaced meanwhile is learned again. */
		if (rte_hash_del_key(table, key) >= 0)
			aged++;
	}
	for (unsigned int i = 0; i < RTE_DIM(used); i++)
		atomic_store(&used[i], count[i]);
	atomic_store(&full, false);
}

void fdb_stats(struct fdb_stats *stats)
{
	stats->addresses = (unsigned int)rte_hash_count(table);
	stats->learned = atomic_load(&learned);
	stats->moved = atomic_load(&moved);
	stats->refused = atomic_load(&refused);
	stats->aged = aged;
}
