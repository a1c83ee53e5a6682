/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The forwarding database: which port an address is behind. Bounded, and each port has an
 * equal share, so that one frontend that invents addresses neither makes the switch forget
 * the others' nor keeps new ones out.
 *
 * Threads: look-up and learning from any number of forwarding threads; fdb_sweep() from
 * one.
 */
#ifndef VHOST_NET_FDB_H
#define VHOST_NET_FDB_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_hash.h>

#define FDB_LOOKUP_MAX RTE_HASH_LOOKUP_BULK_MAX

/* An address as a key: its six bytes in the low bits, in any one order. */
static inline uint64_t fdb_key(const struct rte_ether_addr *mac)
{
	const unaligned_uint16_t *word = (const unaligned_uint16_t *)mac->addr_bytes;

	return (uint64_t)word[2] << 32 | (uint64_t)word[1] << 16 | word[0];
}

/* What is stored for a key: the port and when the address was last seen. */
static inline unsigned int fdb_port(const void *entry)
{
	return (uintptr_t)entry & 0xff;
}

static inline uint32_t fdb_seen_s(const void *entry)
{
	return (uint32_t)((uintptr_t)entry >> 8);
}

/* 0 or -ENOMEM after a message. fdb_destroy() is due in both cases. */
int fdb_create(unsigned int addresses, unsigned int nb_ports, unsigned int age_s);
void fdb_destroy(void);

/* Entries of @n keys; bit i of the result tells whether entries[i] is set. */
uint64_t fdb_lookup(const uint64_t *keys, unsigned int n, void **entries);

/*
 * @key is behind @port. False when it could not be noted: the table is full, or the port
 * has used up its share.
 */
bool fdb_learn(uint64_t key, unsigned int port, uint32_t now_s);

/* Forget what has aged, and all that is behind @ports (bit per port). */
void fdb_sweep(uint32_t now_s, uint64_t ports);

struct fdb_stats {
	unsigned int addresses;		/* in the table */
	uint64_t learned, moved, aged, refused;
};

void fdb_stats(struct fdb_stats *stats);

#endif
