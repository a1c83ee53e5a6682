/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/number.h"
#include "options.h"
#include "ports.h"

struct number_option {
	const char *name;
	size_t offset;
	unsigned int min, max, preset;
	const char *help;
};

#define NUMBER(name, field, min, max, preset, help) \
	{ name, offsetof(struct options, field), min, max, preset, help }

static const struct number_option numbers[] = {
	NUMBER("stats-interval", stats_interval_s, 0, 86400, 0,
	       "print a line of statistics, and write the JSON file, every S seconds"),
	NUMBER("duration", duration_s, 0, 86400 * 365, 0, "stop after S seconds (0: on a signal)"),
	NUMBER("age", age_s, 1, 1000000, 300, "forget an address silent for S seconds"),
	NUMBER("addresses", addresses, 8, 65536, 4096, "size of the MAC table"),
	NUMBER("queues", queues, 0, PORT_QUEUES_MAX, 0,
	       "queue pairs per port (0: all that the port offers)"),
	NUMBER("mtu", mtu, 0, 9710, 0, "MTU to set on every port (0: leave it)"),
	NUMBER("idle-us", idle_us, 0, 100000, 0,
	       "sleep so many microseconds when there is nothing to do (0: poll on)"),
	NUMBER("adaptive", adaptive, 0, 1, 0,
	       "1: sleep until a frame comes when there is nothing to do, if all ports of a thread "
	       "have receive interrupts; where one has none --idle-us is in force"),
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))
enum { OPTION_JSON = 256, OPTION_HELP };

static unsigned int *number_of(struct options *options, size_t i)
{
	return (unsigned int *)((char *)options + numbers[i].offset);
}

static void help(void)
{
	printf("usage: vhost-net EAL-OPTIONS -- [OPTIONS]\n"
	       "A learning switch over all ports that EAL finds.\n\n");
	for (size_t i = 0; i < NUMBERS; i++)
		printf("  --%-15s N  %s; default %u\n", numbers[i].name, numbers[i].help,
		       numbers[i].preset);
	printf("  --%-15s F  write the statistics to F when it stops\n", "json");
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option table[NUMBERS + 3] = { { 0 } };
	uint64_t value;
	int c;

	for (size_t i = 0; i < NUMBERS; i++) {
		*number_of(options, i) = numbers[i].preset;
		table[i] = (struct option){ numbers[i].name, required_argument, NULL, (int)i };
	}
	options->json = NULL;
	table[NUMBERS] = (struct option){ "json", required_argument, NULL, OPTION_JSON };
	table[NUMBERS + 1] = (struct option){ "help", no_argument, NULL, OPTION_HELP };

	optind = 0;	/* EAL has used getopt before */
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == OPTION_HELP) {
			help();
			return 1;
		}
		if (c == OPTION_JSON) {
			options->json = optarg;
			continue;
		}
		if (c < 0 || (size_t)c >= NUMBERS)
			return -EINVAL;
		if (number_parse(numbers[c].name, optarg, numbers[c].min, numbers[c].max, &value))
			return -EINVAL;
		*number_of(options, (size_t)c) = value;
	}
	if (optind < argc) {
		fprintf(stderr, "no such argument: %s\n", argv[optind]);
		return -EINVAL;
	}
	return 0;
}
