/* SPDX-License-Identifier: BSD-3-Clause */
/* In the place of nbd.c where there is no libnbd. */
#include "kinds.h"

const struct store_kind store_kind_nbd = { .type = "nbd", .missing = "libnbd" };
