/* SPDX-License-Identifier: BSD-3-Clause */
/* The switch's own options, those after EAL's "--". */
#ifndef VHOST_NET_OPTIONS_H
#define VHOST_NET_OPTIONS_H

struct options {
	unsigned int stats_interval_s;	/* 0: no periodic statistics */
	unsigned int duration_s;	/* 0: until a signal */
	unsigned int age_s;		/* a silent address is forgotten after so long */
	unsigned int addresses;		/* size of the MAC table */
	unsigned int queues;		/* per port; 0: what the port offers */
	unsigned int mtu;		/* 0: leave the ports' own */
	unsigned int idle_us;		/* 0: poll without pause */
	unsigned int adaptive;		/* sleep on receive interrupts when idle */
	const char *json;		/* NULL: no file */
};

/* 0, 1 after printing the help, -EINVAL after a message on stderr. */
int options_parse(struct options *options, int argc, char **argv);

#endif
