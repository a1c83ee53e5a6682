/* SPDX-License-Identifier: BSD-3-Clause */
/* In the place of iscsi.c where there is no libiscsi. */
#include "kinds.h"

const struct store_kind store_kind_iscsi = { .type = "iscsi", .missing = "libiscsi" };
