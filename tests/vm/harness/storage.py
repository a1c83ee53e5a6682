# SPDX-License-Identifier: BSD-3-Clause
"""The storage programs in a backend VM, and the VM that they serve."""
import json
import shlex
import signal

from . import accel as accels
from . import images, pair, qemu as qemus
from .disks import vhost_user_disk
from .vm import VM

START_TIMEOUT = 240
# What a store is on: the only disk of the backend VM itself.
STORE = "/dev/vda"


def store_disk(image):
    """QEMU's options for a disk of the backend VM that is a file of the host. Whatever its guest
    was told to be written is in the file, also when QEMU is killed."""
    return ["-drive", f"if=none,id=store,file={image},format=raw,cache=writethrough",
            "-device", "virtio-blk-pci,drive=store,disable-legacy=on,addr=3"]


def slow_store(path=STORE):
    """Has many requests under way at any moment, and finishes them in another order than that
    in which they came: what is left of those by a crash has to be told apart."""
    return json.dumps({"type": "delay", "read_us": 500, "write_us": 1000, "flush_us": 1000,
                       "jitter_us": 20000, "inner": {"type": "file", "path": str(path)}})


def backend_vm(sockets, disk=None, name="backend", *, image=None, devices=(), **machine):
    """disk: a file of the host, as a disk of the VM; image: what it boots."""
    if disk is not None:
        devices = [*devices, *store_disk(disk)]
    return pair.backend_vm(sockets, name=name, image=image or images.storage(), devices=devices,
                           **machine)


def frontend_vm(socket, driver="vhost-user-blk-pci", name="frontend", *, qemu=None, image=None,
                memory=512, **options):
    qemu = qemu or qemus.steady_frontend()
    return VM(name, qemu, image or images.blk(), accel=accels.choose(qemu), memory=memory,
              shared=True, devices=vhost_user_disk(qemu, driver, socket, **options))


class Target:
    """A storage program on a virtio-vhost-user function of a VM."""

    def __init__(self, vm, program, *options, index=0):
        self.vm, self.address = vm, pair.bind_vvu(vm, index)
        self.line = f"exec {program} --device {self.address} {shlex.join(map(str, options))}"
        self.command = None
        self.start()

    def start(self):
        self.command = self.vm.spawn(self.line)
        return self

    def stop(self):
        """Its exit status after SIGTERM."""
        return self.command.stop(signal.SIGTERM).code

    def kill(self):
        """As a crash would end it."""
        assert self.command.stop(signal.SIGKILL).code == -signal.SIGKILL

    def text(self):
        return (self.command.out + self.command.err).decode(errors="replace")
