/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading numbers and MAC addresses that a user typed. */
#ifndef EXAMPLES_COMMON_NUMBER_H
#define EXAMPLES_COMMON_NUMBER_H

#include <stdint.h>

/*
 * The whole of @text as a decimal (or 0x hexadecimal) number in [@min, @max]. 0, or -EINVAL
 * after a message on stderr that names @option, the text and the range.
 */
int number_parse(const char *option, const char *text, uint64_t min, uint64_t max,
		 uint64_t *value);

/* Six bytes as aa:bb:cc:dd:ee:ff, a unicast address. 0, or -EINVAL after a message. */
int mac_parse(const char *option, const char *text, uint8_t mac[6]);

#endif
