/* SPDX-License-Identifier: BSD-3-Clause */
/* What vvu.c and kick.c share. */
#ifndef VHOST_RELAY_VVU_INTERNAL_H
#define VHOST_RELAY_VVU_INTERNAL_H

#include "vvu.h"

/* Divide the function's vectors among configuration, rxq, txq and kicks. */
void vhr_vvu_plan_vectors(struct vhr_vvu *vvu);

/* Register of capability @cap at @offset from its start, bounds checked. 0 or -EIO. */
int vhr_vvu_reg_read(struct vhr_vvu *vvu, const struct vhr_cap *cap, uint64_t offset,
		     unsigned int width, uint64_t *value);
int vhr_vvu_reg_write(struct vhr_vvu *vvu, const struct vhr_cap *cap, uint64_t offset,
		      unsigned int width, uint64_t value);

#endif
