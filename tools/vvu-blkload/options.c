/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "options.h"

#define NS_PER_S 1000000000ull

enum kind { KIND_NUMBER, KIND_SIZE, KIND_SECONDS, KIND_FLAG, KIND_OFF, KIND_WORD };
enum word { WORD_SOCKET, WORD_RW, WORD_WAIT, WORD_CPU, WORD_HELP };

struct row {
	const char *name;
	enum kind kind;
	size_t offset;			/* KIND_WORD: an enum word */
	uint64_t min, max, preset;	/* KIND_SECONDS: milliseconds */
	const char *help;
};

#define ROW(name, kind, field, min, max, preset, help) \
	{ name, kind, offsetof(struct options, field), min, max, preset, help }
#define FLAG(name, field, help)	ROW(name, KIND_FLAG, field, 0, 1, 0, help)
#define OFF(name, field, help)	ROW(name, KIND_OFF, field, 0, 1, 1, help)
#define WORD(name, word, help)	{ name, KIND_WORD, word, 0, 0, 0, help }

static const struct row rows[] = {
	WORD("socket", WORD_SOCKET, "PATH  a vhost-user-blk back-end; several times for several "
	     "disks"),
	WORD("rw", WORD_RW, "MODE  randread, randwrite, read, write or randrw; default randread"),
	WORD("wait", WORD_WAIT, "HOW  poll the used rings, or sleep on the call eventfd (call); "
	     "default poll"),
	WORD("cpu", WORD_CPU, "N  run on this CPU alone"),
	ROW("bs", KIND_SIZE, block_bytes, SECTOR_BYTES, 4 << 20, 4096,
	    "bytes of a request, a multiple of 512; default 4K"),
	ROW("segment", KIND_SIZE, segment_bytes, 0, 4 << 20, 0,
	    "its data in pieces of so many bytes; default one piece"),
	ROW("iodepth", KIND_NUMBER, depth, 1, DEPTH_MAX, 1, "requests in flight in each queue"),
	ROW("queues", KIND_NUMBER, queues, 1, QUEUES_MAX, 1, "of each disk"),
	ROW("ring-size", KIND_NUMBER, ring_size, 0, 32768, 0,
	    "entries of a ring, a power of two (0: what --iodepth takes, at least 256)"),
	ROW("offset", KIND_SIZE, offset_bytes, 0, UINT64_MAX, 0, "where the region begins"),
	ROW("size", KIND_SIZE, size_bytes, 0, UINT64_MAX, 0,
	    "bytes of the region; default to the end of the disk"),
	ROW("runtime", KIND_SECONDS, runtime_ns, 1, 86400000, 5000, "seconds measured; default 5"),
	ROW("ramp", KIND_SECONDS, ramp_ns, 0, 3600000, 0, "seconds before that, not measured"),
	ROW("ios", KIND_NUMBER, ios, 0, UINT64_MAX, 0, "end after so many requests (0: no limit)"),
	ROW("mix", KIND_NUMBER, mix_percent, 0, 100, 50, "percent of reads in randrw"),
	ROW("flush-every", KIND_NUMBER, flush_every, 0, UINT32_MAX, 0,
	    "a flush after so many writes of a queue (0: none)"),
	ROW("seed", KIND_NUMBER, seed, 0, UINT64_MAX, 1, "of offsets and patterns"),
	ROW("timeout", KIND_SECONDS, timeout_ns, 1, 3600000, 10000,
	    "seconds to wait for any answer of a back-end; default 10"),
	FLAG("verify", verify, "write the region, check whatever is read, read it all at the end"),
	FLAG("huge", huge, "huge pages"),
	FLAG("packed", packed, "packed rings"),
	OFF("no-event-idx", event_idx, "do not take VIRTIO_RING_F_EVENT_IDX"),
	OFF("no-indirect", indirect, "do not take VIRTIO_RING_F_INDIRECT_DESC"),
	WORD("help", WORD_HELP, "this text"),
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const mode_names[] = {
	[LOAD_RANDREAD] = "randread",
	[LOAD_RANDWRITE] = "randwrite",
	[LOAD_READ] = "read",
	[LOAD_WRITE] = "write",
	[LOAD_RANDRW] = "randrw",
};

#define MODES (sizeof(mode_names) / sizeof(mode_names[0]))

const char *options_mode_name(enum load_mode mode)
{
	return mode_names[mode];
}

static void help(void)
{
	static const char *const values[] = { [KIND_NUMBER] = "N  ", [KIND_SIZE] = "SIZE  ",
					      [KIND_SECONDS] = "S  ", [KIND_FLAG] = "",
					      [KIND_OFF] = "", [KIND_WORD] = "" };

	printf("usage: vvu-blkload --socket PATH [OPTIONS]\n"
	       "A vhost-user-blk frontend that keeps a number of requests in flight and measures\n"
	       "how many complete and how long each takes. The loop is closed: a request follows\n"
	       "when one is done, so the rate is the back-end's, and a time runs from when the\n"
	       "request was shown to the back-end until its completion was seen.\n\n");
	for (size_t i = 0; i < ROWS; i++) {
		printf("  --%-13s %s%s", rows[i].name, values[rows[i].kind], rows[i].help);
		if (rows[i].kind == KIND_NUMBER)
			printf("; default %llu", (unsigned long long)rows[i].preset);
		printf("\n");
	}
	printf("\nSIZE takes K, M, G, T. The result is one line of JSON on standard output.\n"
	       "Exit status: 0 all requests succeeded; 1 it could not run, or the back-end broke\n"
	       "the protocol or went away; 2 requests failed, or data was not what was written.\n");
}

static int size_parse(const char *option, const char *text, uint64_t min, uint64_t max,
		      uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	size_t length = strlen(text);
	const char *suffix = length > 1 ? strchr(suffixes, text[length - 1]) : NULL;
	unsigned int shift = suffix ? 10 * (unsigned int)(suffix - suffixes + 1) : 0;
	char digits[24];

	if (length - (suffix != NULL) >= sizeof(digits)) {
		fprintf(stderr, "%s: \"%s\" is not a size\n", option, text);
		return -EINVAL;
	}
	memcpy(digits, text, length - (suffix != NULL));
	digits[length - (suffix != NULL)] = '\0';
	if (number_parse(option, digits, 0, UINT64_MAX >> shift, value))
		return -EINVAL;
	*value <<= shift;
	if (*value < min || *value > max) {
		fprintf(stderr, "%s: %s is not from %llu to %llu bytes\n", option, text,
			(unsigned long long)min, (unsigned long long)max);
		return -EINVAL;
	}
	return 0;
}

static int seconds_parse(const char *option, const char *text, uint64_t min_ms, uint64_t max_ms,
			 uint64_t *ns)
{
	char *end;
	double seconds = strtod(text, &end);

	/* A comparison that a NaN fails, too. */
	if (end == text || *end || !(seconds * 1000 >= (double)min_ms) ||
	    seconds * 1000 > (double)max_ms) {
		fprintf(stderr, "%s: \"%s\" is not a number of seconds from %g to %g\n", option,
			text, (double)min_ms / 1000, (double)max_ms / 1000);
		return -EINVAL;
	}
	*ns = (uint64_t)(seconds * (double)NS_PER_S);
	return 0;
}

static int word_parse(struct options *options, enum word word, const char *text)
{
	uint64_t value;

	switch (word) {
	case WORD_SOCKET:
		if (options->devices == DEVICES_MAX) {
			fprintf(stderr, "socket: more than %u\n", DEVICES_MAX);
			return -EINVAL;
		}
		options->socket[options->devices++] = text;
		return 0;
	case WORD_RW:
		for (size_t i = 0; i < MODES; i++) {
			if (strcmp(text, mode_names[i]) == 0) {
				options->mode = (enum load_mode)i;
				return 0;
			}
		}
		fprintf(stderr, "rw: \"%s\" is not randread, randwrite, read, write or randrw\n",
			text);
		return -EINVAL;
	case WORD_WAIT:
		options->call = strcmp(text, "call") == 0;
		if (options->call || strcmp(text, "poll") == 0)
			return 0;
		fprintf(stderr, "wait: \"%s\" is not poll or call\n", text);
		return -EINVAL;
	case WORD_CPU:
		if (number_parse("cpu", text, 0, 4095, &value))
			return -EINVAL;
		options->cpu = (int)value;
		return 0;
	case WORD_HELP:
		help();
		return 1;
	}
	return -EINVAL;
}

static int row_parse(struct options *options, const struct row *row, const char *text)
{
	char *field = (char *)options + row->offset;

	switch (row->kind) {
	case KIND_NUMBER:
		return number_parse(row->name, text, row->min, row->max, (uint64_t *)field);
	case KIND_SIZE:
		return size_parse(row->name, text, row->min, row->max, (uint64_t *)field);
	case KIND_SECONDS:
		return seconds_parse(row->name, text, row->min, row->max, (uint64_t *)field);
	case KIND_FLAG:
	case KIND_OFF:
		*(bool *)field = row->kind == KIND_FLAG;
		return 0;
	case KIND_WORD:
		return word_parse(options, (enum word)row->offset, text);
	}
	return -EINVAL;
}

static void presets(struct options *options)
{
	*options = (struct options){ .cpu = -1 };
	for (size_t i = 0; i < ROWS; i++) {
		char *field = (char *)options + rows[i].offset;

		if (rows[i].kind == KIND_OFF)
			*(bool *)field = true;
		else if (rows[i].kind == KIND_NUMBER || rows[i].kind == KIND_SIZE)
			*(uint64_t *)field = rows[i].preset;
		else if (rows[i].kind == KIND_SECONDS)
			*(uint64_t *)field = rows[i].preset * (NS_PER_S / 1000);
	}
}

static int check(const struct options *options)
{
	const char *wrong = NULL;

	if (options->devices == 0)
		wrong = "socket: missing";
	else if (options->block_bytes % SECTOR_BYTES)
		wrong = "bs: not a multiple of 512";
	else if (options->segment_bytes % SECTOR_BYTES)
		wrong = "segment: not a multiple of 512";
	else if (options->offset_bytes % options->block_bytes)
		wrong = "offset: not a multiple of --bs";
	else if (options->ring_size & (options->ring_size - 1))
		wrong = "ring-size: not a power of two";
	else if (options->ios && options->ramp_ns)
		wrong = "ios: not together with --ramp";
	else if (options->flush_every && !options_writes(options))
		wrong = "flush-every: nothing is written in this mode";
	if (!wrong)
		return 0;
	fprintf(stderr, "%s\n", wrong);
	return -EINVAL;
}

int options_parse(struct options *options, int argc, char **argv)
{
	struct option table[ROWS + 1] = { { 0 } };
	int c, ret;

	presets(options);
	for (size_t i = 0; i < ROWS; i++) {
		bool value = rows[i].kind != KIND_FLAG && rows[i].kind != KIND_OFF &&
			     !(rows[i].kind == KIND_WORD && rows[i].offset == WORD_HELP);

		table[i] = (struct option){ rows[i].name,
					    value ? required_argument : no_argument, NULL,
					    (int)i };
	}
	while ((c = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (c < 0 || (size_t)c >= ROWS)
			return -EINVAL;
		ret = row_parse(options, &rows[c], optarg);
		if (ret)
			return ret;
	}
	if (optind < argc) {
		fprintf(stderr, "no such argument: %s\n", argv[optind]);
		return -EINVAL;
	}
	return check(options);
}
