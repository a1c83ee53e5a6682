/* SPDX-License-Identifier: BSD-3-Clause */
#include "rpc_frame.h"

#include <errno.h>

static void in_string(struct rpc_frame *frame, char c)
{
	if (frame->escaped)
		frame->escaped = false;
	else if (c == '\\')
		frame->escaped = true;
	else if (c == '"')
		frame->in_string = false;
}

int rpc_frame_scan(struct rpc_frame *frame, const char *buf, size_t length)
{
	while (frame->scanned < length) {
		char c = buf[frame->scanned];

		if (frame->depth == 0) {
			/* RFC 8259, 2: white space */
			if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
				frame->scanned++;
				continue;
			}
			if (c != '{' && c != '[')
				return -EBADMSG;
			frame->start = frame->scanned;
		}
		frame->scanned++;
		if (frame->in_string) {
			in_string(frame, c);
		} else if (c == '"') {
			frame->in_string = true;
		} else if (c == '{' || c == '[') {
			frame->depth++;
		} else if ((c == '}' || c == ']') && --frame->depth == 0) {
			return 1;
		}
	}
	return 0;
}
