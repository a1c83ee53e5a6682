/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef VVU_PKT_REPORT_H
#define VVU_PKT_REPORT_H

#include <stdbool.h>

#include "options.h"
#include "receive.h"
#include "send.h"

enum outcome {
	OUTCOME_INTACT = 0,
	OUTCOME_FAILED = 1,
	OUTCOME_INCOMPLETE = 2,
	OUTCOME_DAMAGED = 3,
};

enum outcome report_outcome(const struct options *options, const struct receiver *receiver,
			    bool complete);

/* The result as JSON on stdout, and in options->json. 0 or -errno after a message. */
int report_write(const struct options *options, const struct sender *sender,
		 const struct receiver *receiver, enum outcome outcome);

#endif
