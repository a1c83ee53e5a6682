/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Writes to a disk in a way that tells afterwards whether anything was lost, torn, misplaced or
 * done twice: every sector carries its number and the number of the write. It runs in a guest
 * while what serves the disk is killed, and on the host over the file that the disk is.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iocheck.h"

static const char usage[] =
	"usage: vvu-iocheck run|verify --run NUMBER [OPTION]... DEVICE\n"
	"  --run NUMBER      what is written follows from it\n"
	"  --workers N       operations at a time (8)\n"
	"  --range N         sectors that each worker has (512)\n"
	"  --longest N       sectors of the longest operation (64)\n"
	"  --fua             each write is durable when it is done\n"
	"  --buffered        through the page cache, not O_DIRECT\n"
	"  --done A,B,...    verify: the last operation of each worker that is known to be done\n"
	"  --flushed-only    verify: what came after --done may be lost\n";

static bool number(const char *text, unsigned long long most, unsigned long long *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && end != text && *end == '\0' && *value <= most;
}

static bool list(char *text, struct iocheck *check)
{
	unsigned int count = 0;
	unsigned long long value;

	for (char *part = strtok(text, ","); part != NULL; part = strtok(NULL, ",")) {
		if (count == WORKERS_MAX || !number(part, UINT64_MAX, &value))
			return false;
		check->done[count++] = value;
	}
	return count == check->plan.workers;
}

static const struct option options[] = {
	{ "run", required_argument, NULL, 'r' },
	{ "workers", required_argument, NULL, 'w' },
	{ "range", required_argument, NULL, 'n' },
	{ "longest", required_argument, NULL, 'l' },
	{ "done", required_argument, NULL, 'd' },
	{ "fua", no_argument, NULL, 'f' },
	{ "buffered", no_argument, NULL, 'b' },
	{ "flushed-only", no_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

static bool parse(int argc, char **argv, struct iocheck *check)
{
	unsigned long long value;
	char *done = NULL;
	bool valid = true, run = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			valid &= run = number(optarg, UINT64_MAX, &value);
			check->plan.run = value;
			break;
		case 'w':
			valid &= number(optarg, WORKERS_MAX, &value) && value > 0;
			check->plan.workers = (unsigned int)value;
			break;
		case 'n':
			valid &= number(optarg, 1u << 20, &value) && value > 0;
			check->plan.range = (unsigned int)value;
			break;
		case 'l':
			valid &= number(optarg, 1u << 12, &value) && value > 0;
			check->plan.longest = (unsigned int)value;
			break;
		case 'd':
			done = optarg;
			break;
		case 'f':
			check->plan.fua = true;
			break;
		case 'b':
			check->buffered = true;
			break;
		case 'o':
			check->flushed_only = true;
			break;
		default:
			return false;
		}
	}
	if (done != NULL)
		valid &= list(done, check);
	return valid && run && check->plan.longest <= check->plan.range && optind == argc - 1;
}

int main(int argc, char **argv)
{
	struct iocheck check = { .plan = { .workers = 8, .range = 512, .longest = 64 } };
	bool verify = argc > 1 && strcmp(argv[1], "verify") == 0;
	int status;

	if (argc < 2 || (!verify && strcmp(argv[1], "run") != 0) ||
	    !parse(argc - 1, argv + 1, &check)) {
		fputs(usage, stderr);
		return 2;
	}
	check.path = argv[argc - 1];
	check.fd = open(check.path, (verify ? O_RDONLY : O_RDWR) | O_CLOEXEC |
					    (check.buffered ? 0 : O_DIRECT));
	if (check.fd < 0) {
		printf("error: %s: %s\n", check.path, strerror(errno));
		return 1;
	}
	status = verify ? iocheck_verify(&check) : iocheck_run(&check);
	close(check.fd);
	return status;
}
