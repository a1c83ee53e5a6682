# SPDX-License-Identifier: BSD-3-Clause
"""A Linux guest with an ordinary disk, served by vhost-blk in another VM from a disk of that
one."""
import hashlib

import pytest

from harness import filesystem, fio, storage

SIZE = 64 << 20


@pytest.fixture(scope="module")
def vms(module_machines, backend_qemu):
    image = module_machines.dir / "store.img"
    with open(image, "wb") as file:
        file.truncate(SIZE)
    socket = module_machines.dir / "blk.sock"
    backend = module_machines.add(storage.backend_vm(socket, image)).launch()
    frontend = module_machines.add(storage.frontend_vm(socket)).launch()
    backend.wait_up()
    backend.run("modprobe virtio_blk")
    target = storage.Target(backend, "vhost-blk", "--store", f"file:{storage.STORE}")
    frontend.wait_up()
    frontend.run("modprobe -a virtio_blk ext4")
    frontend.wait_for("test -b /dev/vda")
    yield frontend, backend, target, image
    frontend.check_kernel()
    assert frontend.poweroff() == 0
    assert target.stop() == 0


def test_the_frontend_sees_an_ordinary_disk(vms):
    frontend, _, _, _ = vms
    assert int(frontend.text("blockdev --getsize64 /dev/vda")) == SIZE
    assert frontend.text("basename $(readlink /sys/block/vda/device/driver)") == "virtio_blk"


def test_file_system(vms):
    frontend, _, _, image = vms
    filesystem.fill_and_check(frontend, "/dev/vda")
    # What the guest reads is what is in the file of the host that all of it ends in.
    seen = frontend.text("sha256sum </dev/vda", timeout=120).split()[0]
    assert seen == hashlib.sha256(image.read_bytes()).hexdigest()


def test_fio_verify(vms):
    frontend, _, _, _ = vms
    fio.run(frontend, "/dev/vda", [
        {"rw": rw, "bs": bs, "iodepth": depth, "size": size, "fsync": 32}
        for rw in ("write", "randwrite")
        for bs, depth, size in (("512", 1, "64k"), ("4k", 32, "2m"), ("64k", 8, "8m"),
                                ("1m", 4, "16m"))])
