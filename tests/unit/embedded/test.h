/* SPDX-License-Identifier: BSD-3-Clause */
/* What every test here includes; cmocka wants these headers before its own. */
#ifndef TEST_EMBEDDED_TEST_H
#define TEST_EMBEDDED_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "mini_driver.h"
#include "raw_frontend.h"

#endif
