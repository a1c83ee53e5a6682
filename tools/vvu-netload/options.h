/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef NETLOAD_OPTIONS_H
#define NETLOAD_OPTIONS_H

#include <stdint.h>

struct options {
	uint64_t mbufs;		/* in the one pool of all ports */
	uint64_t room;		/* bytes of data in one, without the headroom */
	uint64_t mtu;		/* 0: leave it */
};

/* 0, 1 after printing the help, -EINVAL after a message on stderr. */
int options_parse(struct options *options, int argc, char **argv);

#endif
