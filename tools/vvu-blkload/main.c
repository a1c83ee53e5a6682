/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "report.h"

enum status { STATUS_FINE, STATUS_BROKEN, STATUS_WRONG };

static struct options options;
static struct load load;

static int pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return 0;
	CPU_ZERO(&set);
	if (cpu < CPU_SETSIZE)
		CPU_SET((size_t)cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

int main(int argc, char **argv)
{
	int ret = options_parse(&options, argc, argv);

	if (ret)
		return ret > 0 ? STATUS_FINE : STATUS_BROKEN;
	ret = pin(options.cpu);
	if (ret) {
		fprintf(stderr, "cpu: %d: %s\n", options.cpu, strerror(-ret));
		return STATUS_BROKEN;
	}
	ret = load_open(&load, &options);
	if (!ret)
		ret = load_run(&load);
	if (!ret)
		ret = load_stop(&load);
	if (ret) {
		fprintf(stderr, "vvu-blkload: %s\n", load.reason.text);
		ret = STATUS_BROKEN;
	} else {
		report(&load);
		if (load.first_error[0])
			fprintf(stderr, "vvu-blkload: %s\n", load.first_error);
		ret = load.failed || load.wrong_blocks ? STATUS_WRONG : STATUS_FINE;
	}
	load_close(&load);
	return ret;
}
