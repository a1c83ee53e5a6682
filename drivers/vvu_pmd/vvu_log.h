/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VVU_PMD_LOG_H
#define VVU_PMD_LOG_H

#include <rte_log.h>

extern int vvu_pmd_logtype;

#define VVU_PMD_LOG(level, fmt, ...) \
	rte_log(RTE_LOG_ ## level, vvu_pmd_logtype, "net_vvu: " fmt "\n", ## __VA_ARGS__)

#endif
