/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vvu-netload: either end of a vhost-user connection, for measuring and for checking. It knows
 * nothing of the drivers of its ports; what it does with them is asked of it line by line.
 */
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "commands.h"
#include "job.h"
#include "options.h"
#include "ports.h"

static void run(void)
{
	size_t size = 0;
	char *line = NULL;

	while (getline(&line, &size, stdin) >= 0 && command_do(line))
		;
	free(line);
}

int main(int argc, char **argv)
{
	int ret, used = rte_eal_init(argc, argv);
	struct options options;

	if (used < 0) {
		fprintf(stderr, "EAL: %s\n", rte_strerror(rte_errno));
		return 1;
	}
	ret = options_parse(&options, argc - used, argv + used);
	if (ret == 0) {
		ret = ports_open(&options);
		if (ret == 0)
			ret = job_open();
		if (ret == 0) {
			ports_print();
			run();
			job_close();
		}
		ports_close();
	} else if (ret > 0) {
		ret = 0;
	}
	rte_eal_cleanup();
	return ret ? 1 : 0;
}
