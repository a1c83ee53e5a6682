/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vvuctl: looks at a virtio-vhost-user function from inside the VM that has it.
 *
 *   vvuctl show --device DDDD:BB:DD.F [--json]
 *
 * prints identity, BARs, capabilities, registers and device configuration. The function must
 * be bound to vfio-pci and used by nobody else; opening it resets it if the kernel knows how
 * to reset this one, which on the root bus it does not. Any virtio function will do, and one
 * with a capability list that makes no sense is shown with what is wrong.
 * Status 0; 1 when it cannot be opened or read; 2 for arguments.
 */
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vhost-relay/bus/pci_address.h"

#include "vvuctl.h"

static void
usage(FILE *out)
{
	fputs("usage: vvuctl show --device DDDD:BB:DD.F [--json]\n"
	      "  --device DDDD:BB:DD.F  a PCI function that is bound to vfio-pci\n"
	      "  --json                 one line of JSON\n", out);
}

static int
show(const char *address, bool json)
{
	static struct vvuctl_function function;
	struct vhu_reason reason = { "" };
	struct vhr_bus *bus;
	int ret;

	ret = vhr_bus_vfio_open(address, &bus, &reason);
	if (ret < 0) {
		fprintf(stderr, "vvuctl: %s\n", reason.text[0] ? reason.text : strerror(-ret));
		return 1;
	}
	ret = vvuctl_read(bus, &function);
	bus->ops->close(bus);
	if (ret < 0) {
		fprintf(stderr, "vvuctl: %s: cannot be read\n", address);
		return 1;
	}
	if (json)
		vvuctl_print_json(&function);
	else
		vvuctl_print_text(&function);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		perror("vvuctl: standard output");
		return 1;
	}
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct vhr_pci_address parsed;
	const char *address = NULL;
	bool json = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		switch (opt) {
		case 'd':
			address = optarg;
			break;
		case 'j':
			json = true;
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind + 1 != argc || strcmp(argv[optind], "show") != 0 || address == NULL) {
		usage(stderr);
		return 2;
	}
	if (vhr_pci_address_parse(address, &parsed) < 0) {
		fprintf(stderr, "vvuctl: --device %s: not a PCI address, expected DDDD:BB:DD.F\n",
			address);
		return 2;
	}
	return show(address, json);
}
