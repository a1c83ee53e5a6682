/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of vvu-testd share; vvu-testd.c says what the program is. */
#ifndef TESTD_H
#define TESTD_H

#include <stdbool.h>
#include <stdint.h>

#include "vhost-relay/vhr.h"
#include "vvu-device/embedded/embedded.h"

#define TESTD_CONFIG_MAX 4096u
#define TESTD_TAKEN_MAX 1024u

struct testd;

/* A device type. Rings are the caller's only while they are ready. */
struct testd_device {
	const char *name;
	uint64_t features;
	/* Serve all rings. True when something was done. */
	bool (*service)(struct testd *d);
	/*
	 * About to sleep: ask for kicks where one would help. True when there is work
	 * already.
	 */
	bool (*arm)(struct testd *d);
	/* Ring @index stops, or memory moves: nothing may be under way. NULL: nothing ever is. */
	void (*drain)(struct testd *d, unsigned int index);
};
extern const struct testd_device testd_loop_net;
extern const struct testd_device testd_idle;
extern const struct testd_device testd_echo;

struct testd_options {
	const struct testd_device *type;
	const char *address;		/* of a PCI function; NULL: an embedded one */
	struct vvu_emb_config emb;
	unsigned int queues;		/* pairs */
	unsigned int max_rings;
	uint32_t max_ring_size;
	uint32_t config_size;
	uint32_t mtu_max;		/* 0: NET_SET_MTU is not offered */
	uint64_t features;
	uint64_t protocol_features;
	enum vhr_layout layout;
	unsigned int poll_us;		/* 0: kicks */
	bool inflight;
	bool packed;
	bool trace;
};

struct testd_counters {
	uint64_t connects, disconnects, resets, set_status;
	uint64_t mtu_sets, rarps, config_reads, config_writes;
	uint64_t taken, frames, bytes, dropped, too_large, malformed;
	uint32_t mtu;
	uint32_t config_flags;
	uint8_t rarp_mac[6];
	uint8_t status;
};

struct testd_ring {
	uint64_t kicks;
	uint64_t ready_changes;
	uint64_t stops;
	bool starved;	/* a frame waits for more buffers here */
};

struct testd {
	struct testd_options options;
	struct vhr_ops ops;
	struct vhr_session *session;
	struct vvu_emb *emb;		/* NULL: a PCI function */
	struct testd_counters counters;
	struct testd_ring ring[VHU_MAX_VRINGS];
	uint8_t config[TESTD_CONFIG_MAX];
	uint32_t taken[TESTD_TAKEN_MAX];	/* numbers of requests, type echo */
	char last_disconnect[VHU_REASON_MAX];
	bool quit;
};

/* testd_options.c: exits the program on --help and on options it does not have. */
void testd_options(struct testd *d, int argc, char **argv);
/* testd_device.c: the session's callbacks. */
void testd_device_init(struct testd *d);
/* testd_echo.c: finish what is held; how many. */
unsigned int testd_echo_release(struct testd *d);
/* testd_control.c: what is on standard input; false at its end. */
bool testd_control(struct testd *d);

#endif
