/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BLKLOAD_REPORT_H
#define BLKLOAD_REPORT_H

#include "load.h"

/* The result of a load as one line of JSON on standard output. */
void report(const struct load *load);

#endif
