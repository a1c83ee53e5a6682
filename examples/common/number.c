/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

int number_parse(const char *option, const char *text, uint64_t min, uint64_t max,
		 uint64_t *value)
{
	unsigned long long number;
	char *end;

	/* strtoull() takes a sign and blanks, and makes a huge number of -1. */
	errno = 0;
	number = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 0) : (errno = EINVAL);
	if (errno || *end || number < min || number > max) {
		fprintf(stderr, "%s: \"%s\" is not a number from %" PRIu64 " to %" PRIu64 "\n",
			option, text, min, max);
		return -EINVAL;
	}
	*value = number;
	return 0;
}

int mac_parse(const char *option, const char *text, uint8_t mac[6])
{
	unsigned int byte[6];
	int used = 0;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &byte[0], &byte[1], &byte[2], &byte[3],
		   &byte[4], &byte[5], &used) != 6 || text[used] || (byte[0] & 1)) {
		fprintf(stderr, "%s: \"%s\" is not a unicast MAC address (aa:bb:cc:dd:ee:ff)\n",
			option, text);
		return -EINVAL;
	}
	for (unsigned int i = 0; i < 6; i++)
		mac[i] = byte[i];
	return 0;
}
