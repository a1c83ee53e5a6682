/* SPDX-License-Identifier: BSD-3-Clause */
/* What stores on RDMA need of the process that opens them. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/resource.h>

#include "store.h"

#define RDMA_URI	"iser://"

unsigned int store_rdma_count(const json_t *description)
{
	unsigned int count = 0;
	const char *text, *key;
	json_t *value;
	size_t index;

	switch (json_typeof(description)) {
	case JSON_STRING:
		for (text = json_string_value(description); (text = strstr(text, RDMA_URI));
		     text += strlen(RDMA_URI))
			count++;
		break;
	case JSON_ARRAY:
		json_array_foreach(description, index, value)
			count += store_rdma_count(value);
		break;
	case JSON_OBJECT:
		json_object_foreach((json_t *)(uintptr_t)description, key, value)
			count += store_rdma_count(value);
		break;
	default:
		break;
	}
	return count;
}

int store_rdma_allow(unsigned int count, struct vhu_reason *reason)
{
	uint64_t bytes = count * STORE_RDMA_LOCKED_BYTES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	if (limit.rlim_cur >= bytes)
		return 0;
	/* As far as anybody may, for those that are to come. */
	if (limit.rlim_max < bytes)
		limit.rlim_max = bytes;
	limit.rlim_cur = limit.rlim_max;
	if (!setrlimit(RLIMIT_MEMLOCK, &limit))
		return 0;
	vhu_reason_set(reason, "%u stores on RDMA lock up to %" PRIu64 " bytes of memory, which is "
		       "more than the limit RLIMIT_MEMLOCK, and that cannot be raised: %s", count,
		       bytes, strerror(errno));
	return -EPERM;
}
