/* SPDX-License-Identifier: BSD-3-Clause */
/* What every test here includes; cmocka wants these headers before its own. */
#ifndef TEST_SERVICE_TEST_H
#define TEST_SERVICE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "vhost-proto/codec.h"

#define ASSERT_SAYS(reason, part) \
	do { \
		if (strstr((reason).text, part) == NULL) \
			fail_msg("\"%s\" does not say \"%s\"", (reason).text, part); \
	} while (0)

#endif
