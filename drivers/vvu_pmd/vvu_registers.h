/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a device is, in words, and its registers: 14 words of the common configuration, 8 of the
 * device's configuration space, then for each ring 8 words: flags (bit 0 started, 1 enabled,
 * 2 ready, 3 broken, 4 packed, 5 event index, 6 kicks wanted, 7 queue runs, 8 interrupt
 * enabled), size, next available entry and next used entry (bit 31: wrap counter), calls and
 * packets (two words each, the lower first).
 */
#ifndef VVU_PMD_REGISTERS_H
#define VVU_PMD_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

struct rte_dev_reg_info;
struct rte_eth_dev;

#define VVU_UUID_TEXT 37	/* with the terminator */

void vvu_uuid_text(const uint8_t uuid[16], char text[VVU_UUID_TEXT]);

/* ethdev operations */
int vvu_get_reg(struct rte_eth_dev *dev, struct rte_dev_reg_info *info);
int vvu_fw_version_get(struct rte_eth_dev *dev, char *text, size_t size);

#endif
