/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes, decoded as a message of either space, either order, request or reply. What
 * decodes must print, and encode to a message of the same length that means the same:
 * padding is the only thing that may differ.
 */
#include <stdlib.h>
#include <string.h>

#include "vhost-proto/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vhu_msg msg, same;
	struct vhu_reason reason;
	char line[8192], small[16];
	uint8_t again[VHU_MAX_MESSAGE];

	if (size < 1)
		return 0;
	const enum vhu_order order = data[0] & 1 ? VHU_ORDER_LE : VHU_ORDER_NATIVE;
	const enum vhu_space space = data[0] & 2 ? VHU_SPACE_BACKEND : VHU_SPACE_FRONTEND;
	const bool reply = data[0] & 4;

	data++;
	size--;
	if (vhu_decode(order, space, reply, data, size, &msg, &reason) != 0)
		return 0;
	if (vhu_print(space, &msg, line, sizeof(line)) == 0)
		abort();
	vhu_print(space, &msg, small, sizeof(small));
	for (unsigned int nfds = 0; nfds < 10; nfds++)
		(void)vhu_check_fds(space, &msg, nfds, &reason);
	if (vhu_encode(order, space, &msg, again, sizeof(again), &reason) != (int)size)
		abort();
	if (vhu_decode(order, space, reply, again, size, &same, &reason) != 0 ||
	    memcmp(&same, &msg, sizeof(msg)) != 0)
		abort();
	return 0;
}
