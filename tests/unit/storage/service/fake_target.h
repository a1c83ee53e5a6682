/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A type of device that serves nobody, and the targets under it: what makes a program a service
 * is tested apart from what it serves.
 */
#ifndef TEST_SERVICE_FAKE_TARGET_H
#define TEST_SERVICE_FAKE_TARGET_H

#include "storage/service/program.h"

extern const struct program_type fake_type;

#endif
