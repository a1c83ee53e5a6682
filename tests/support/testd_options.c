/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-relay/bus/pci_address.h"

#include "testd.h"

enum {
	OPT_DEVICE = 256,
	OPT_SOCKET,
	OPT_TYPE,
	OPT_CLIENT,
	OPT_RECONNECT_MS,
	OPT_QUEUES,
	OPT_MAX_RINGS,
	OPT_MAX_RING_SIZE,
	OPT_DEVICE_QUEUES,
	OPT_BAR_SIZE,
	OPT_ALIGN_WINDOW,
	OPT_PAGE_PER_VQ,
	OPT_VECTORS,
	OPT_CONFIG_SIZE,
	OPT_MTU_MAX,
	OPT_FEATURES,
	OPT_PROTOCOL_FEATURES,
	OPT_DEVICE_PROTOCOL_FEATURES,
	OPT_LAYOUT,
	OPT_POLL_US,
	OPT_INFLIGHT,
	OPT_PACKED,
	OPT_TRACE,
	OPT_HELP,
};

static const struct option longopts[] = {
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "type", required_argument, NULL, OPT_TYPE },
	{ "client", no_argument, NULL, OPT_CLIENT },
	{ "reconnect-ms", required_argument, NULL, OPT_RECONNECT_MS },
	{ "queues", required_argument, NULL, OPT_QUEUES },
	{ "max-rings", required_argument, NULL, OPT_MAX_RINGS },
	{ "max-ring-size", required_argument, NULL, OPT_MAX_RING_SIZE },
	{ "device-queues", required_argument, NULL, OPT_DEVICE_QUEUES },
	{ "bar-size", required_argument, NULL, OPT_BAR_SIZE },
	{ "align-window", no_argument, NULL, OPT_ALIGN_WINDOW },
	{ "page-per-vq", no_argument, NULL, OPT_PAGE_PER_VQ },
	{ "vectors", required_argument, NULL, OPT_VECTORS },
	{ "config-size", required_argument, NULL, OPT_CONFIG_SIZE },
	{ "mtu-max", required_argument, NULL, OPT_MTU_MAX },
	{ "features", required_argument, NULL, OPT_FEATURES },
	{ "protocol-features", required_argument, NULL, OPT_PROTOCOL_FEATURES },
	{ "device-protocol-features", required_argument, NULL, OPT_DEVICE_PROTOCOL_FEATURES },
	{ "layout", required_argument, NULL, OPT_LAYOUT },
	{ "poll-us", required_argument, NULL, OPT_POLL_US },
	{ "inflight", no_argument, NULL, OPT_INFLIGHT },
	{ "packed", no_argument, NULL, OPT_PACKED },
	{ "trace", no_argument, NULL, OPT_TRACE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static void
usage(FILE *out)
{
	fputs("usage: vvu-testd --socket PATH | --device DDDD:BB:DD.F [--option VALUE]...\n"
	      "  --socket PATH             an embedded device, listening there\n"
	      "  --device DDDD:BB:DD.F     a PCI function that is bound to vfio-pci\n"
	      "  --type loop-net|idle|echo what serves the rings (loop-net)\n"
	      "  --reconnect-ms N          client: pause between attempts\n"
	      "  --queues N                queue pairs, the answer to GET_QUEUE_NUM (1)\n"
	      "  --max-rings N             rings of the session (2 * queues)\n"
	      "  --max-ring-size N         largest SET_VRING_NUM (32768)\n"
	      "  --config-size N           configuration space; 0 does not offer CONFIG (0)\n"
	      "  --mtu-max N               largest MTU; 0 does not offer MTU (9000)\n"
	      "  --features MASK           virtio features\n"
	      "  --protocol-features MASK  of the session; 0: all\n"
	      "  --layout sum|draft|offset how regions lie in the window (sum)\n"
	      "  --poll-us N               look at the rings every N us, without kicks\n"
	      "  --inflight                offer INFLIGHT_SHMFD (type echo)\n"
	      "  --packed                  offer packed rings (type echo)\n"
	      "  --trace                   every message on standard error\n"
	      "with --socket only, as they say what the embedded device is:\n"
	      "  --client                  connect to PATH instead of listening\n"
	      "  --reconnect-ms N          client: pause between attempts\n"
	      "  --device-queues N         max_vhost_queues of the function (max-rings)\n"
	      "  --bar-size BYTES          BAR 0 (a power of two)\n"
	      "  --align-window            2 MiB alignment of large regions\n"
	      "  --page-per-vq             a page for each doorbell\n"
	      "  --vectors N               MSI-X vectors\n"
	      "  --device-protocol-features MASK  what the function lets through; 0: all\n", out);
}

_Noreturn static void
bad(const char *option, const char *value)
{
	fprintf(stderr, "vvu-testd: --%s %s: not a value for it\n", option, value);
	exit(2);
}

_Noreturn static void
bad_word(const char *word)
{
	fprintf(stderr, "vvu-testd: %s: not an option\n", word);
	exit(2);
}

static uint64_t
number(const char *option, const char *text, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value > max)
		bad(option, text);
	return value;
}

_Noreturn static void
wrong(const char *what)
{
	fprintf(stderr, "vvu-testd: %s\n", what);
	exit(2);
}

static const struct testd_device *
device_type(const char *name)
{
	if (strcmp(name, testd_loop_net.name) == 0)
		return &testd_loop_net;
	if (strcmp(name, testd_idle.name) == 0)
		return &testd_idle;
	if (strcmp(name, testd_echo.name) == 0)
		return &testd_echo;
	bad("type", name);
}

static enum vhr_layout
layout(const char *name)
{
	if (strcmp(name, "sum") == 0)
		return VHR_LAYOUT_SUM;
	if (strcmp(name, "draft") == 0)
		return VHR_LAYOUT_DRAFT;
	if (strcmp(name, "offset") == 0)
		return VHR_LAYOUT_OFFSET;
	bad("layout", name);
}

static void
take(struct testd_options *o, int opt, const char *name, const char *arg, bool *features_set)
{
	switch (opt) {
	case OPT_DEVICE:
		o->address = arg;
		break;
	case OPT_TYPE:
		o->type = device_type(arg);
		break;
	case OPT_SOCKET:
		o->emb.socket_path = arg;
		break;
	case OPT_CLIENT:
		o->emb.client = true;
		break;
	case OPT_RECONNECT_MS:
		o->emb.reconnect_ms = (unsigned int)number(name, arg, 1000000);
		break;
	case OPT_QUEUES:
		o->queues = (unsigned int)number(name, arg, VHU_MAX_VRINGS / 2);
		break;
	case OPT_MAX_RINGS:
		o->max_rings = (unsigned int)number(name, arg, VHU_MAX_VRINGS);
		break;
	case OPT_MAX_RING_SIZE:
		o->max_ring_size = (uint32_t)number(name, arg, VHR_RING_SIZE_MAX);
		break;
	case OPT_DEVICE_QUEUES:
		o->emb.max_vhost_queues = (uint32_t)number(name, arg, UINT32_MAX);
		break;
	case OPT_BAR_SIZE:
		o->emb.bar_size = number(name, arg, UINT64_MAX);
		break;
	case OPT_ALIGN_WINDOW:
		o->emb.align_window = true;
		break;
	case OPT_PAGE_PER_VQ:
		o->emb.page_per_vq = true;
		break;
	case OPT_VECTORS:
		o->emb.vectors = (unsigned int)number(name, arg, 2048);
		break;
	case OPT_CONFIG_SIZE:
		o->config_size = (uint32_t)number(name, arg, TESTD_CONFIG_MAX);
		break;
	case OPT_MTU_MAX:
		o->mtu_max = (uint32_t)number(name, arg, UINT16_MAX);
		break;
	case OPT_FEATURES:
		o->features = number(name, arg, UINT64_MAX);
		*features_set = true;
		break;
	case OPT_PROTOCOL_FEATURES:
		o->protocol_features = number(name, arg, UINT64_MAX);
		break;
	case OPT_DEVICE_PROTOCOL_FEATURES:
		o->emb.protocol_features = number(name, arg, UINT64_MAX);
		break;
	case OPT_LAYOUT:
		o->layout = layout(arg);
		break;
	case OPT_POLL_US:
		o->poll_us = (unsigned int)number(name, arg, 1000000);
		break;
	case OPT_INFLIGHT:
		o->inflight = true;
		break;
	case OPT_PACKED:
		o->packed = true;
		break;
	case OPT_TRACE:
		o->trace = true;
		break;
	case OPT_HELP:
		usage(stdout);
		exit(0);
	default:
		usage(stderr);
		exit(2);
	}
}

/* Options that describe an embedded device say nothing about one that is there. */
static bool
embedded_only(int opt)
{
	switch (opt) {
	case OPT_CLIENT:
	case OPT_RECONNECT_MS:
	case OPT_DEVICE_QUEUES:
	case OPT_BAR_SIZE:
	case OPT_ALIGN_WINDOW:
	case OPT_PAGE_PER_VQ:
	case OPT_VECTORS:
	case OPT_DEVICE_PROTOCOL_FEATURES:
		return true;
	default:
		return false;
	}
}

/* Which device: one, and one only. @embedded: an option that only an embedded one has. */
static void
check_device(const struct testd_options *o, const char *embedded)
{
	struct vhr_pci_address address;

	if (o->emb.socket_path == NULL && o->address == NULL)
		wrong("which device: --socket PATH or --device DDDD:BB:DD.F");
	if (o->emb.socket_path != NULL && o->address != NULL)
		wrong("--socket and --device: one of them, not both");
	if (o->address == NULL)
		return;
	if (vhr_pci_address_parse(o->address, &address) < 0) {
		fprintf(stderr, "vvu-testd: --device %s: not a PCI address, expected "
			"DDDD:BB:DD.F\n", o->address);
		exit(2);
	}
	if (embedded != NULL) {
		fprintf(stderr, "vvu-testd: --%s: only with --socket\n", embedded);
		exit(2);
	}
}

void
testd_options(struct testd *d, int argc, char **argv)
{
	struct testd_options *o = &d->options;
	const char *embedded = NULL;
	bool features_set = false;
	int opt, index = 0;

	o->type = &testd_loop_net;
	o->queues = 1;
	o->mtu_max = 9000;
	while ((opt = getopt_long(argc, argv, "", longopts, &index)) != -1) {
		take(o, opt, opt >= OPT_DEVICE ? longopts[index].name : "", optarg, &features_set);
		if (embedded_only(opt))
			embedded = longopts[index].name;
	}
	if (optind != argc)
		bad_word(argv[optind]);
	check_device(o, embedded);
	if ((o->inflight || o->packed) && o->type != &testd_echo)
		wrong("--inflight and --packed: only with --type echo");
	if (o->max_rings == 0)
		o->max_rings = 2 * o->queues;
	if (o->emb.max_vhost_queues == 0)
		o->emb.max_vhost_queues = o->max_rings;
	if (!features_set)
		o->features = o->type->features;
}
