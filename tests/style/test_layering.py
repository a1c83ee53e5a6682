# SPDX-License-Identifier: BSD-3-Clause
"""Include directives point one way (docs/architecture.md, "The house")."""
import re

import tree

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)

# Longest prefix wins: where a file is -> what it may include.
MAY_INCLUDE = {
    "lib/vhost-proto/": ("lib/vhost-proto/",),
    "lib/vvu-device/": ("lib/vhost-proto/", "lib/vvu-device/"),
    # layout.h is the contract of the two sides: numbers, and no function but the sums on them.
    "lib/vhost-relay/": ("lib/vhost-proto/", "lib/vhost-relay/", "lib/vvu-device/layout.h"),
    "drivers/": ("lib/", "drivers/"),
    "examples/": ("lib/", "examples/"),
    "tools/": ("lib/", "examples/common/", "tools/"),
}
# The one place where the guest side meets the device side.
BRIDGE = ("lib/vhost-relay/bus/bus_embedded.c", "lib/vvu-device/embedded/embedded.h")
# The device's own files do not know the host they run in.
DEVICE, EMBEDDED = "lib/vvu-device/", "lib/vvu-device/embedded/"
# What hosts have in common; it knows neither the device nor a host.
HOST = "lib/vvu-device/host/"
# lib/vhost-relay, lowest layer first; memory and vring are one layer.
RELAY_LAYERS = [("bus",), ("virtio",), ("vvu",), ("memory", "vring"), ("backend",), ("relay",)]


def includes():
    """(including file, included file or None, as written, is it <>)"""
    for name in tree.matching({".c", ".h"}):
        for quote, target in INCLUDE.findall(tree.read(name)):
            found = None
            for base in (name.parent, "lib", "examples", "tools"):
                path = (tree.ROOT / base / target).resolve()
                if path.is_file() and tree.ROOT in path.parents:
                    found = str(path.relative_to(tree.ROOT))
                    break
            yield str(name), found, target, quote == "<"


INCLUDES = list(includes())


def relay_layer(name):
    parts = name.split("/")
    if parts[:2] != ["lib", "vhost-relay"] or len(parts) < 4:
        return None
    for rank, layer in enumerate(RELAY_LAYERS):
        if parts[2] in layer:
            return rank
    return None


def test_includes_were_found():
    assert len(INCLUDES) > 50


def test_quoted_includes_are_in_the_tree():
    """Those of tests may be generated."""
    assert not [f"{name}: {target}" for name, found, target, angle in INCLUDES
                if not angle and found is None and not name.startswith("tests/")]


def test_directories_include_only_what_is_below_them():
    wrong = []
    for name, found, _, angle in INCLUDES:
        allowed = next((allow for top, allow in MAY_INCLUDE.items() if name.startswith(top)), None)
        if angle or allowed is None or found is None or (name, found) == BRIDGE:
            continue
        if not found.startswith(allowed):
            wrong.append(f"{name} includes {found}")
    assert not wrong


def test_device_does_not_include_its_embedded_host():
    assert not [f"{name} includes {found}" for name, found, _, _ in INCLUDES
                if name.startswith(DEVICE) and not name.startswith(EMBEDDED)
                and found and found.startswith(EMBEDDED)]


def test_device_and_host_aids_do_not_include_each_other():
    assert not [f"{name} includes {found}" for name, found, _, _ in INCLUDES
                if name.startswith(DEVICE) and not name.startswith(EMBEDDED)
                and found and found.startswith(DEVICE)
                and name.startswith(HOST) != found.startswith(HOST)]


def test_relay_layers_include_only_lower_layers():
    wrong = []
    for name, found, _, _ in INCLUDES:
        mine, theirs = relay_layer(name), relay_layer(found or "")
        if mine is not None and theirs is not None and theirs > mine:
            wrong.append(f"{name} includes {found}")
    assert not wrong


def test_libraries_include_no_dpdk_header():
    dpdk = ("rte_", "ethdev_", "bus_pci_driver", "bus_vdev_driver", "dev_driver", "bus_driver")
    assert not [f"{name}: {target}" for name, _, target, angle in INCLUDES
                if angle and name.startswith("lib/") and target.split("/")[-1].startswith(dpdk)]


def test_every_c_file_is_built():
    """A file that no meson.build names is dead, and nothing says so."""
    dead = []
    for name in tree.matching({".c"}, "lib/", "drivers/", "examples/", "tools/", "tests/"):
        lists = [tree.ROOT / parent / "meson.build" for parent in name.parents]
        # Unit tests are listed by their subject: 'test_' + subject + '.c'
        subject = re.escape(re.sub("^test_", "", name.stem))
        named = any(re.search(rf"['/](test_)?{subject}(\.c)?'", path.read_text())
                    for path in lists if path.is_file())
        if not named:
            dead.append(str(name))
    assert not dead
