# SPDX-License-Identifier: BSD-3-Clause
"""A QEMU executable: its version, what it needs on its command line, what must be avoided."""
import functools
import os
import pathlib
import re
import shutil
import subprocess

SYSTEM = "qemu-system-x86_64"
# A QEMU that is not installed may lack the firmware, which the distribution has.
FIRMWARE = ("/usr/share/seabios", "/usr/share/qemu")
NEEDED_FIRMWARE = ("bios-256k.bin", "pvh.bin", "kvmvapic.bin")


class Qemu:
    def __init__(self, path):
        found = shutil.which(str(path))
        if not found:
            raise RuntimeError(f"there is no {path}")
        self.path = os.path.abspath(found)

    def output(self, *arguments):
        return subprocess.run([self.path, *arguments], check=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60).stdout

    @functools.cached_property
    def version(self):
        """As a tuple of numbers."""
        text = self.output("--version")
        match = re.search(r"version (\d+(?:\.\d+)+)", text)
        if not match:
            raise RuntimeError(f"{self.path} tells no version: {text!r}")
        return tuple(map(int, match[1].split(".")))

    @functools.cached_property
    def firmware(self):
        """-L options for the directories that it does not know."""
        known = [pathlib.Path(line) for line in self.output("-L", "help").splitlines()]
        missing = [name for name in NEEDED_FIRMWARE
                   if not any((path / name).exists() for path in known)]
        options = []
        for directory in FIRMWARE:
            if any((pathlib.Path(directory) / name).exists() for name in missing):
                options += ["-L", directory]
        return options

    def has_device(self, name):
        return f'name "{name}"' in self.output("-device", "help")

    def vhost_user_net_vectors(self, accel):
        """Option for a virtio-net function on a vhost-user netdev. Without KVM, QEMU 7 takes
        a NULL pointer for an irqfd when the guest's kernel enables MSI-X there; no vectors
        means INTx."""
        return ",vectors=0" if accel != "kvm" and self.version < (8,) else ""


@functools.lru_cache(maxsize=None)
def get(path):
    return Qemu(path)


def frontend():
    """The QEMU of the frontend VM: unpatched, the distribution's unless named."""
    return get(os.environ.get("VVU_FRONTEND_QEMU", SYSTEM))


def steady_frontend():
    """For a frontend whose backend goes away. QEMU 7 has been seen to abort then, where it takes
    a function out of its yank list that is not there any more. Where that is the distribution's,
    the backend's QEMU runs the frontend VM too."""
    found = frontend()
    return found if found.version >= (8,) else backend() or found


def backend():
    """The QEMU with the virtio-vhost-user device, or None where none is named."""
    path = os.environ.get("VVU_QEMU")
    return get(path) if path else None
