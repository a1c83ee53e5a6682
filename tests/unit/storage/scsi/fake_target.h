/* SPDX-License-Identifier: BSD-3-Clause */
/* Queues of a target without a runtime: what is posted runs when the test says so. */
#ifndef TEST_FAKE_TARGET_H
#define TEST_FAKE_TARGET_H

#include "vhost-scsi/device.h"

struct target_queue {
	unsigned int index;
	struct scsi_device *device;
	void *context;
	bool not_told;			/* the driver has not seen what is done */
	struct target_request *event;	/* a buffer of the driver */
};

struct worker {
	unsigned int index;
};

extern struct target_queue fake_tq[4];

/* What became of the last request. */
extern unsigned int requests_done;
extern uint32_t last_written;
extern char break_reason[VHU_REASON_MAX];

/* Run what was posted, up to @max; how much it was. */
unsigned int run_posted(unsigned int max);

#endif
