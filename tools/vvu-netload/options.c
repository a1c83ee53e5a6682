/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "options.h"

static const struct number_option {
	const char *name;
	size_t offset;
	uint64_t min, max, preset;
	const char *help;
} numbers[] = {
#define NUMBER(name, field, min, max, preset, help) \
	{ name, offsetof(struct options, field), min, max, preset, help }
	NUMBER("mbufs", mbufs, 512, 1 << 20, 8192, "buffers, for all ports together"),
	NUMBER("room", room, 512, 16384, 2048, "bytes of data in a buffer"),
	NUMBER("mtu", mtu, 0, 16384, 0, "MTU of the ports (0: leave it)"),
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static uint64_t *number_of(struct options *options, size_t i)
{
	return (uint64_t *)((char *)options + numbers[i].offset);
}

static void help(void)
{
	printf("usage: vvu-netload EAL-OPTIONS -- [OPTIONS]\n"
	       "Sends, receives and relays on all ports that EAL finds, as told on standard\n"
	       "input.\n\n");
	for (size_t i = 0; i < NUMBERS; i++)
		printf("  --%-10s N  %s; default %llu\n", numbers[i].name, numbers[i].help,
		       (unsigned long long)numbers[i].preset);
	printf("\nOne command a line, one line of JSON for each:\n"
	       "  ports                    name, driver and link of each\n"
	       "  start MODE PORTS [size=N|imix] [inject=N] [count=N]\n"
	       "                           MODE is send, receive, echo or forward, or with\n"
	       "                           numbered frames send-checked, receive-checked or\n"
	       "                           exchange; PORTS is 0,1,...; forward takes pairs\n"
	       "  read                     the counters\n"
	       "  stop                     end what was started; the counters\n"
	       "  drain PORTS              take in what is on the way, for 5 seconds at most\n"
	       "  quit\n");
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option table[NUMBERS + 2] = { { 0 } };
	int c;

	for (size_t i = 0; i < NUMBERS; i++) {
		*number_of(options, i) = numbers[i].preset;
		table[i] = (struct option){ numbers[i].name, required_argument, NULL, (int)i };
	}
	table[NUMBERS] = (struct option){ "help", no_argument, NULL, (int)NUMBERS };

	optind = 0;	/* EAL has used getopt before */
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if ((size_t)c == NUMBERS) {
			help();
			return 1;
		}
		if (c < 0 || (size_t)c > NUMBERS ||
		    number_parse(numbers[c].name, optarg, numbers[c].min, numbers[c].max,
				 number_of(options, (size_t)c)))
			return -EINVAL;
	}
	if (optind < argc) {
		fprintf(stderr, "no such argument: %s\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}
