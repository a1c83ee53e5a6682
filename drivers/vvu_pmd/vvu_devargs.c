/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_kvargs.h>

#include "vhost-relay/vring/ring.h"
#include "vvu-device/layout.h"

#include "vvu_devargs.h"
#include "vvu_ethdev.h"

/* Lending a frame costs about as much as to copy so many bytes. */
#define VVU_ZERO_COPY_MIN	512u

/* Half of the user address space of x86-64: what mmap() can reserve at all. */
#define SHM_SIZE_MAX	(64ull << 40)

/* An unsigned number and nothing else: no sign, no blank, no trailing text. */
static int
parse_number(const char *text, int base, const char **end, uint64_t *number)
{
	char *stop;

	if (text[0] < '0' || text[0] > '9')
		return -EINVAL;
	errno = 0;
	*number = strtoull(text, &stop, base);
	if (errno != 0 || (end == NULL && *stop != '\0'))
		return -EINVAL;
	if (end != NULL)
		*end = stop;
	return 0;
}

static int
parse_range(const char *text, int base, uint64_t min, uint64_t max, uint64_t *number)
{
	if (parse_number(text, base, NULL, number) != 0 || *number < min || *number > max)
		return -EINVAL;
	return 0;
}

static int
parse_bool(const char *text, bool *value)
{
	if (strcmp(text, "0") != 0 && strcmp(text, "1") != 0)
		return -EINVAL;
	*value = text[0] == '1';
	return 0;
}

static int
parse_socket(struct vvu_devargs *args, const char *text)
{
	size_t length = strlen(text);

	if (length == 0 || length >= sizeof(args->socket))
		return -EINVAL;
	memcpy(args->socket, text, length + 1);
	return 0;
}

static int
parse_server(struct vvu_devargs *args, const char *text)
{
	bool server;

	if (parse_bool(text, &server) != 0)
		return -EINVAL;
	args->client = !server;
	return 0;
}

static int
parse_queues(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 10, 1, VVU_MAX_QUEUE_PAIRS, &number) != 0)
		return -EINVAL;
	args->queues = number;
	return 0;
}

static int
parse_max_ring_size(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 10, 64, VHR_RING_SIZE_MAX, &number) != 0 ||
	    !rte_is_power_of_2(number))
		return -EINVAL;
	args->max_ring_size = number;
	return 0;
}

static int
parse_mac(struct vvu_devargs *args, const char *text)
{
	if (rte_ether_unformat_addr(text, &args->mac) != 0 ||
	    !rte_is_valid_assigned_ether_addr(&args->mac))
		return -EINVAL;
	args->mac_set = true;
	return 0;
}

static int
parse_mtu(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 10, RTE_ETHER_MIN_MTU, VVU_MAX_MTU, &number) != 0)
		return -EINVAL;
	args->mtu = number;
	return 0;
}

static int
parse_mrg_rxbuf(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->mrg_rxbuf);
}

static int
parse_indirect(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->indirect);
}

static int
parse_event_idx(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->event_idx);
}

static int
parse_in_order(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->in_order);
}

static int
parse_packed(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->packed);
}

static int
parse_csum(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->csum);
}

static int
parse_tso(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->tso);
}

static int
parse_ufo(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->ufo);
}

static int
parse_uso(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->uso);
}

/* virtio 1.3, 5.1.4: other values than these are "unknown". */
static int
parse_speed(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 10, 0, INT32_MAX, &number) != 0)
		return -EINVAL;
	args->speed_mbps = number;
	return 0;
}

static int
parse_zero_copy(struct vvu_devargs *args, const char *text)
{
	return parse_bool(text, &args->zero_copy);
}

static int
parse_zero_copy_min(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 10, RTE_ETHER_HDR_LEN, UINT16_MAX, &number) != 0)
		return -EINVAL;
	args->zero_copy_min = number;
	return 0;
}

static int
parse_zero_copy_wait(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 10, 0, 10000, &number) != 0)
		return -EINVAL;
	args->zero_copy_wait_ms = number;
	return 0;
}

static int
parse_virtio_id(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 10, 1, 63, &number) != 0)
		return -EINVAL;
	args->virtio_id = number;
	return 0;
}

static int
parse_layout(struct vvu_devargs *args, const char *text)
{
	if (strcmp(text, "sum") == 0)
		args->layout = VHR_LAYOUT_SUM;
	else if (strcmp(text, "draft") == 0)
		args->layout = VHR_LAYOUT_DRAFT;
	else if (strcmp(text, "offset") == 0)
		args->layout = VHR_LAYOUT_OFFSET;
	else
		return -EINVAL;
	return 0;
}

/* The embedded device rewrites mmap_offset, so that its value is no place in the window. */
static int
parse_layout_vdev(struct vvu_devargs *args, const char *text)
{
	int ret = parse_layout(args, text);

	return ret == 0 && args->layout == VHR_LAYOUT_OFFSET ? -EINVAL : ret;
}

static int
parse_shm_size(struct vvu_devargs *args, const char *text)
{
	static const char suffixes[] = "KMGT";
	const char *end, *suffix;
	unsigned int shift = 0;
	uint64_t number;

	if (parse_number(text, 10, &end, &number) != 0)
		return -EINVAL;
	if (*end != '\0') {
		suffix = strchr(suffixes, *end);
		if (suffix == NULL || end[1] != '\0')
			return -EINVAL;
		shift = 10 * (suffix - suffixes + 1);
	}
	if (number > (UINT64_MAX >> shift))
		return -EINVAL;
	number <<= shift;
	if (number < VVU_BAR_SIZE_MIN || number > SHM_SIZE_MAX || (number & (number - 1)) != 0)
		return -EINVAL;
	args->shm_size = number;
	return 0;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* RFC 9562, 4: 8-4-4-4-12 hexadecimal digits, most significant first. */
static int
parse_uuid(struct vvu_devargs *args, const char *text)
{
	unsigned int i;
	int high, low;

	for (i = 0; i < sizeof(args->uuid); i++) {
		if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
			return -EINVAL;
		high = hex_digit(text[0]);
		low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		args->uuid[i] = high << 4 | low;
		text += 2;
	}
	return *text == '\0' ? 0 : -EINVAL;
}

static int
parse_socket_mode(struct vvu_devargs *args, const char *text)
{
	uint64_t number;

	if (parse_range(text, 8, 1, 0777, &number) != 0)
		return -EINVAL;
	args->socket_mode = number;
	return 0;
}

#define BOTH (VVU_DEVARGS_VDEV | VVU_DEVARGS_PCI)

static const struct option {
	const char *key;
	unsigned int scope;
	int (*parse)(struct vvu_devargs *args, const char *text);
	const char *allowed;
} options[] = {
	{ "socket", VVU_DEVARGS_VDEV, parse_socket, "a path of 1 to 107 bytes" },
	{ "server", VVU_DEVARGS_VDEV, parse_server, "1 (listen) or 0 (connect)" },
	{ "queues", BOTH, parse_queues, "1 to 128" },
	{ "max-ring-size", BOTH, parse_max_ring_size, "a power of two, 64 to 32768" },
	{ "mac", BOTH, parse_mac, "a unicast address that is not zero, xx:xx:xx:xx:xx:xx" },
	{ "mtu", BOTH, parse_mtu, "68 to 65513" },
	{ "mrg_rxbuf", BOTH, parse_mrg_rxbuf, "0 or 1" },
	{ "indirect", BOTH, parse_indirect, "0 or 1" },
	{ "event_idx", BOTH, parse_event_idx, "0 or 1" },
	{ "in_order", BOTH, parse_in_order, "0 or 1" },
	{ "packed", BOTH, parse_packed, "0 or 1" },
	{ "csum", BOTH, parse_csum, "0 or 1" },
	{ "tso", BOTH, parse_tso, "0 or 1" },
	{ "ufo", BOTH, parse_ufo, "0 or 1" },
	{ "uso", BOTH, parse_uso, "0 or 1" },
	{ "speed", BOTH, parse_speed, "0 to 2147483647 (Mbit/s; 0: unknown)" },
	{ "virtio-id", BOTH, parse_virtio_id, "1 to 63" },
	{ "layout", VVU_DEVARGS_VDEV, parse_layout_vdev, "sum or draft" },
	{ "layout", VVU_DEVARGS_PCI, parse_layout, "sum, draft or offset" },
	{ "shm-size", VVU_DEVARGS_VDEV, parse_shm_size,
	  "a power of two from 4M to 64T, with an optional K, M, G or T" },
	{ "zero-copy", VVU_DEVARGS_VDEV, parse_zero_copy, "0 or 1" },
	{ "zero-copy-min", VVU_DEVARGS_VDEV, parse_zero_copy_min, "14 to 65535 bytes" },
	{ "zero-copy-wait", VVU_DEVARGS_VDEV, parse_zero_copy_wait, "0 to 10000 milliseconds" },
	{ "uuid", VVU_DEVARGS_VDEV, parse_uuid, "8-4-4-4-12 hexadecimal digits" },
	{ "socket-mode", VVU_DEVARGS_VDEV, parse_socket_mode, "octal 1 to 777" },
};

static const struct option *
find_option(const char *key, unsigned int scope)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(options); i++) {
		if ((options[i].scope & scope) != 0 && strcmp(options[i].key, key) == 0)
			return &options[i];
	}
	return NULL;
}

static void
list_keys(unsigned int scope, char *text, size_t size)
{
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 0; i < RTE_DIM(options) && used < size; i++) {
		if ((options[i].scope & scope) != 0)
			used += snprintf(text + used, size - used, " %s", options[i].key);
	}
}

static int
parse_pairs(const struct rte_kvargs *kvargs, unsigned int scope, struct vvu_devargs *args,
	    struct vhu_reason *reason)
{
	const struct option *option;
	const char *key, *value;
	char keys[VHU_REASON_MAX];
	unsigned int i;

	for (i = 0; i < kvargs->count; i++) {
		key = kvargs->pairs[i].key;
		value = kvargs->pairs[i].value;
		option = find_option(key, scope);
		if (option == NULL) {
			list_keys(scope, keys, sizeof(keys));
			vhu_reason_set(reason, "unknown option %.40s: allowed is%s", key, keys);
			return -EINVAL;
		}
		if (value == NULL || option->parse(args, value) != 0) {
			vhu_reason_set(reason, "option %s=%s: allowed is %s", key,
				       value == NULL ? "" : value, option->allowed);
			return -EINVAL;
		}
		if (rte_kvargs_count(kvargs, key) > 1) {
			vhu_reason_set(reason, "option %s=%s: given %u times, allowed is once",
				       key, value, rte_kvargs_count(kvargs, key));
			return -EINVAL;
		}
	}
	return 0;
}

int
vvu_devargs_parse(const char *text, unsigned int scope, struct vvu_devargs *args,
		  struct vhu_reason *reason)
{
	struct rte_kvargs *kvargs;
	int ret;

	memset(args, 0, sizeof(*args));
	args->queues = 1;
	args->max_ring_size = VHR_RING_SIZE_MAX;
	args->mrg_rxbuf = true;
	args->indirect = true;
	args->event_idx = true;
	args->in_order = true;
	args->packed = true;
	args->csum = true;
	args->tso = true;
	args->layout = VHR_LAYOUT_SUM;
	args->zero_copy_min = VVU_ZERO_COPY_MIN;
	args->zero_copy_wait_ms = 100;

	if (text != NULL && text[0] != '\0') {
		kvargs = rte_kvargs_parse(text, NULL);
		if (kvargs == NULL) {
			vhu_reason_set(reason, "options %.80s: allowed is up to %d key=value",
				       text, RTE_KVARGS_MAX);
			return -EINVAL;
		}
		ret = parse_pairs(kvargs, scope, args, reason);
		rte_kvargs_free(kvargs);
		if (ret != 0)
			return ret;
	}
	if (args->ufo && args->uso) {
		vhu_reason_set(reason, "options ufo=1 and uso=1: allowed is one of them, an mbuf "
			       "has one flag for both");
		return -EINVAL;
	}
	if (scope == VVU_DEVARGS_VDEV && args->socket[0] == '\0') {
		vhu_reason_set(reason, "option socket= is missing: allowed is a path of 1 to 107 "
			       "bytes");
		return -EINVAL;
	}
	return 0;
}
