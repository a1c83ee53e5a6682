/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vvu-hostile: a driver that wants to break its virtio-vhost-user device. It brings the
 * device up as it should be and then does what no driver does, --rounds times per mode:
 *
 *   txq       messages of any content and length, chains that loop, leave the table, are
 *             indirect, writable, empty, or point outside the memory of the device
 *   rings     ring indices and heads, rxq buffers that are too small or nowhere, queues
 *             moved while in use, memory unmapped while in use
 *   config    device configuration: every offset, width and value, ISR
 *   common    common configuration: status in any order, unknown features, selectors,
 *             sizes, addresses and vectors out of range, notifications
 *   doorbell  doorbells: every width, every offset, past the end
 *   kick      kick vector registers
 *   msix      vectors that come and go; in an embedded device also the MSI-X table
 *   pci       vendor capabilities in PCI configuration space
 *   all       one after the other
 *
 * After each mode the library's own driver resets the device and brings it up: handshake,
 * queues, configuration, BACKEND_UP; with --frontend it also serves a frontend, which keeps
 * connecting all the time, asks GET_FEATURES and says SET_OWNER to the answer. A line on
 * standard output says so:
 *
 *   vvu-hostile: txq: 200 rounds, brought up 12 times, broken 11 times; the device came back
 *
 * Status 0: it came back after every mode. 1: it did not; standard error says what was
 * wrong. 2: options. The same --seed does the same.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include "vhost-relay/bus/pci_address.h"
#include "vvu-device/embedded/embedded.h"

#include "vvu-hostile.h"

static const struct {
	const char *name;
	hostile_action *act;
} modes[] = {
	{ "txq", hostile_txq },
	{ "rings", hostile_rings },
	{ "config", hostile_config },
	{ "common", hostile_status },
	{ "doorbell", hostile_doorbell },
	{ "kick", hostile_kick },
	{ "msix", hostile_msix },
	{ "pci", hostile_pci },
};
#define NUM_MODES (sizeof(modes) / sizeof(modes[0]))

struct options {
	const char *address;
	const char *socket;
	const char *mode;
	uint64_t seed;
	uint64_t rounds;
	bool frontend;
};

static void
usage(FILE *out)
{
	unsigned int i;

	fputs("usage: vvu-hostile --socket PATH | --device DDDD:BB:DD.F [--option VALUE]...\n"
	      "  --socket PATH          an embedded device, listening there\n"
	      "  --device DDDD:BB:DD.F  a PCI function that is bound to vfio-pci\n"
	      "  --mode all|...         what to abuse (all):", out);
	for (i = 0; i < NUM_MODES; i++)
		fprintf(out, " %s", modes[i].name);
	fputs("\n"
	      "  --seed N               (1)\n"
	      "  --rounds N             per mode (100)\n"
	      "  --frontend             one keeps connecting, and must be answered at the end\n",
	      out);
}

_Noreturn static void
wrong(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "vvu-hostile: --%s %s: expected %s\n", option, value, expected);
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
		wrong(option, text, "a number");
	return value;
}

static void
check_options(const struct options *o)
{
	struct vhr_pci_address address;
	unsigned int i;

	if ((o->socket == NULL) == (o->address == NULL)) {
		fputs("vvu-hostile: which device: --socket PATH or --device DDDD:BB:DD.F, "
		      "one of them\n", stderr);
		exit(2);
	}
	if (o->address != NULL && vhr_pci_address_parse(o->address, &address) < 0)
		wrong("device", o->address, "a PCI address, DDDD:BB:DD.F");
	for (i = 0; i < NUM_MODES && strcmp(o->mode, modes[i].name) != 0; i++)
		;
	if (i == NUM_MODES && strcmp(o->mode, "all") != 0)
		wrong("mode", o->mode, "one that --help lists");
}

static void
parse_options(struct options *o, int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "socket", required_argument, NULL, 's' },
		{ "mode", required_argument, NULL, 'm' },
		{ "seed", required_argument, NULL, 'e' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "frontend", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (opt) {
		case 'd':
			o->address = optarg;
			break;
		case 's':
			o->socket = optarg;
			break;
		case 'm':
			o->mode = optarg;
			break;
		case 'e':
			o->seed = number("seed", optarg, UINT64_MAX);
			break;
		case 'r':
			o->rounds = number("rounds", optarg, 1000000);
			break;
		case 'f':
			o->frontend = true;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind != argc) {
		fprintf(stderr, "vvu-hostile: %s: not an option\n", argv[optind]);
		exit(2);
	}
	check_options(o);
}

/* Is it still as hostile_start() left it? */
static bool
is_up(struct hostile *h)
{
	const struct vhr_cap *common = &h->virtio.caps.common;
	uint64_t status;

	if (!h->started)
		return false;
	status = hostile_read(h, common->bar, common->offset + VIRTIO_PCI_COMMON_STATUS, 1);
	if (status & VIRTIO_CONFIG_S_NEEDS_RESET)
		h->broken++;
	return (status & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
	       (status & (VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)) == 0;
}

static int
run_mode(struct hostile *h, const char *name, hostile_action *act, uint64_t rounds)
{
	uint64_t round;
	int ret = 0;

	h->brought_up = 0;
	h->broken = 0;
	for (round = 0; ret == 0 && round < rounds; round++) {
		/* Now and then it goes on with a device that is down or broken. */
		if (!h->started || (!is_up(h) && hostile_below(h, 4) != 0)) {
			hostile_stop(h);
			ret = hostile_start(h);
		}
		if (ret == 0) {
			act(h);
			hostile_pump(h);
		}
		if (h->started && hostile_below(h, 8) == 0)
			hostile_fill_rxq(h);
	}
	if (ret == 0)
		ret = hostile_recover(h);
	if (ret < 0) {
		fprintf(stderr, "vvu-hostile: %s: round %" PRIu64 ": the device did not come "
			"back: %s\n", name, round, h->reason.text);
		return ret;
	}
	printf("vvu-hostile: %s: %" PRIu64 " rounds, brought up %" PRIu64 " times, broken %"
	       PRIu64 " times; the device came back\n", name, rounds, h->brought_up, h->broken);
	fflush(stdout);
	return 0;
}

static void
no_log(void *ctx, enum vvu_log_level level, const char *text)
{
}

static int
open_bus(const struct options *o, struct vhr_bus **bus, struct vhu_reason *reason)
{
	/* What the device complains of is what this program is for. */
	const struct vvu_emb_config config = {
		.socket_path = o->socket,
		.max_vhost_queues = 16,
		.log = no_log,
	};

	if (o->address != NULL)
		return vhr_bus_vfio_open(o->address, bus, reason);
	return vhr_bus_embedded_open(&config, bus, reason);
}

int
main(int argc, char **argv)
{
	struct options o = { .mode = "all", .seed = 1, .rounds = 100 };
	static struct hostile h;
	unsigned int i;
	int ret;

	parse_options(&o, argc, argv);
	ret = open_bus(&o, &h.bus, &h.reason);
	if (ret < 0) {
		fprintf(stderr, "vvu-hostile: %s: %s\n", strerror(-ret), h.reason.text);
		return 1;
	}
	h.embedded = vhr_bus_embedded_device(h.bus) != NULL;
	h.frontend = o.frontend;
	for (i = 0; ret == 0 && i < NUM_MODES; i++) {
		if (strcmp(o.mode, "all") != 0 && strcmp(o.mode, modes[i].name) != 0)
			continue;
		h.seed = o.seed + i;
		ret = run_mode(&h, modes[i].name, modes[i].act, o.rounds);
	}
	hostile_stop(&h);
	h.bus->ops->close(h.bus);
	return ret < 0;
}
