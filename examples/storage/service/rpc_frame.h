/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where a JSON text ends in a stream of bytes. Looks at brackets and strings alone, each byte
 * once however the bytes arrive; whether it is JSON, the parser says.
 */
#ifndef STORAGE_RPC_FRAME_H
#define STORAGE_RPC_FRAME_H

#include <stdbool.h>
#include <stddef.h>

struct rpc_frame {
	size_t scanned;		/* bytes of the buffer that were looked at */
	size_t start;		/* of the text, once begun */
	unsigned int depth;	/* open brackets; 0: between texts */
	bool in_string;
	bool escaped;
};

/*
 * Go on in @buf of @length bytes, whose first frame->scanned were there before. Returns 1 when an
 * object or array is complete: [frame->start, frame->scanned). 0: more is needed. -EBADMSG:
 * something else than an object or array begins. All zeros is the beginning; after a complete
 * text, take it away and begin anew.
 */
int rpc_frame_scan(struct rpc_frame *frame, const char *buf, size_t length);

#endif
