/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/number.h"
#include "frame.h"
#include "options.h"

struct number_option {
	const char *name;
	size_t offset;
	uint64_t min, max, preset;
	const char *help;
};

#define NUMBER(name, field, min, max, preset, help) \
	{ name, offsetof(struct options, field), min, max, preset, help }

static const struct number_option numbers[] = {
	NUMBER("port", port, 0, RTE_MAX_ETHPORTS - 1, 0, "ethdev id"),
	NUMBER("queues", queues, 1, QUEUES_MAX, 1, "queue pairs, one flow on each"),
	NUMBER("count", count, 0, UINT64_MAX, 0, "frames to send (0: for the whole duration)"),
	NUMBER("duration", duration_s, 1, 86400, 10, "seconds to send at most"),
	NUMBER("timeout", timeout_s, 1, 86400, 20, "seconds to wait for the peer's word"),
	NUMBER("rate", rate, 0, 1000000000, 0, "frames per second at most (0: no limit)"),
	NUMBER("window", window, 0, 1048576, 128,
	       "frames of a flow on the way at most (0: no limit)"),
	NUMBER("seed", seed, 0, UINT64_MAX, 1, "of the payload"),
	NUMBER("idle-us", idle_us, 0, 100000, 0,
	       "sleep so many microseconds when there is nothing to do (0: poll on)"),
};

#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

enum { OPTION_MODE = 256, OPTION_OWN_MAC, OPTION_PEER_MAC, OPTION_SIZE, OPTION_ALLOW_LOSS,
	OPTION_JSON, OPTION_HELP };

static const struct option words[] = {
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "own-mac", required_argument, NULL, OPTION_OWN_MAC },
	{ "peer-mac", required_argument, NULL, OPTION_PEER_MAC },
	{ "size", required_argument, NULL, OPTION_SIZE },
	{ "allow-loss", no_argument, NULL, OPTION_ALLOW_LOSS },
	{ "json", required_argument, NULL, OPTION_JSON },
	{ "help", no_argument, NULL, OPTION_HELP },
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static uint64_t *number_of(struct options *options, size_t i)
{
	return (uint64_t *)((char *)options + numbers[i].offset);
}

static void help(void)
{
	printf("usage: vvu-pkt EAL-OPTIONS -- --peer-mac MAC [OPTIONS]\n"
	       "Exchanges frames with another vvu-pkt and tells what was lost, duplicated,\n"
	       "reordered or damaged on the way.\n\n"
	       "  --mode send|recv|both  default both; the peer's must match\n"
	       "  --own-mac MAC          default: the port's\n"
	       "  --size N|imix          bytes without FCS, %u to %u, default 64; imix: 64, 594\n"
	       "                         and 1514 as 7:4:1\n"
	       "  --allow-loss           lost frames do not make it fail\n"
	       "  --json FILE            write the result there as well\n", FRAME_SIZE_MIN,
	       FRAME_SIZE_MAX);
	for (size_t i = 0; i < NUMBERS; i++)
		printf("  --%-10s N         %s; default %llu\n", numbers[i].name, numbers[i].help,
		       (unsigned long long)numbers[i].preset);
	printf("\nExit status: 0 all arrived intact and once; 1 could not run; 2 the peer did not\n"
	       "finish in time; 3 frames lost, duplicated or damaged.\n");
}

static int parse_mode(struct options *options, const char *text)
{
	options->send = strcmp(text, "recv") != 0;
	options->receive = strcmp(text, "send") != 0;
	if (options->send && options->receive && strcmp(text, "both") != 0) {
		fprintf(stderr, "mode: \"%s\" is not send, recv or both\n", text);
		return -EINVAL;
	}
	return 0;
}

static int parse_word(struct options *options, int word, const char *text, bool *peer_given)
{
	switch (word) {
	case OPTION_MODE:
		return parse_mode(options, text);
	case OPTION_OWN_MAC:
		options->own_mac_given = true;
		return mac_parse("own-mac", text, options->own_mac.addr_bytes);
	case OPTION_PEER_MAC:
		*peer_given = true;
		return mac_parse("peer-mac", text, options->peer_mac.addr_bytes);
	case OPTION_SIZE:
		options->size = 0;
		if (strcmp(text, "imix") == 0)
			return 0;
		return number_parse("size", text, FRAME_SIZE_MIN, FRAME_SIZE_MAX,
				    &options->size);
	case OPTION_ALLOW_LOSS:
		options->allow_loss = true;
		return 0;
	case OPTION_JSON:
		options->json = text;
		return 0;
	}
	return -EINVAL;
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option table[NUMBERS + WORDS + 1] = { { 0 } };
	bool peer_given = false;
	int c;

	*options = (struct options){ .send = true, .receive = true, .size = FRAME_SIZE_MIN };
	for (size_t i = 0; i < NUMBERS; i++) {
		*number_of(options, i) = numbers[i].preset;
		table[i] = (struct option){ numbers[i].name, required_argument, NULL, (int)i };
	}
	memcpy(&table[NUMBERS], words, sizeof(words));

	optind = 0;	/* EAL has used getopt before */
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c == OPTION_HELP) {
			help();
			return 1;
		}
		if (c >= 0 && (size_t)c < NUMBERS) {
			if (number_parse(numbers[c].name, optarg, numbers[c].min, numbers[c].max,
					 number_of(options, (size_t)c)))
				return -EINVAL;
		} else if (parse_word(options, c, optarg, &peer_given)) {
			return -EINVAL;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "no such argument: %s\n", argv[optind]);
		return -EINVAL;
	}
	if (!peer_given) {
		fprintf(stderr, "peer-mac: missing\n");
		return -EINVAL;
	}
	return 0;
}
