# SPDX-License-Identifier: BSD-3-Clause
"""A Linux guest with an ordinary SCSI disk, served by vhost-scsi in another VM."""
import hashlib

import pytest

from harness import filesystem, fio, storage

SIZE = 64 << 20


@pytest.fixture(scope="module")
def vms(module_machines, backend_qemu):
    image = module_machines.dir / "store.img"
    with open(image, "wb") as file:
        file.truncate(SIZE)
    socket = module_machines.dir / "scsi.sock"
    backend = module_machines.add(storage.backend_vm(socket, image)).launch()
    frontend = module_machines.add(storage.frontend_vm(socket, "vhost-user-scsi-pci")).launch()
    backend.wait_up()
    backend.run("modprobe virtio_blk")
    target = storage.Target(backend, "vhost-scsi", "--lun", f"file:{storage.STORE}",
                            "--lun", "0:1=ram:4M")
    frontend.wait_up()
    frontend.run("modprobe -a virtio_scsi sd_mod sg ext4")
    frontend.wait_for("test -b /dev/sda && test -b /dev/sdb")
    yield frontend, target, image
    frontend.check_kernel()
    assert frontend.poweroff() == 0
    assert target.stop() == 0


@pytest.fixture
def disk(vms):
    """The one that is on the backend VM's disk, by its size: Linux looks for both at once."""
    frontend, _, _ = vms
    sizes = {name: int(frontend.text(f"blockdev --getsize64 /dev/{name}"))
             for name in ("sda", "sdb")}
    assert sorted(sizes.values()) == [4 << 20, SIZE]
    return "/dev/" + next(name for name, size in sizes.items() if size == SIZE)


def test_the_frontend_sees_ordinary_disks(vms, disk):
    frontend, _, _ = vms
    name = disk.rsplit("/", 1)[1]
    assert frontend.text(f"basename $(readlink /sys/block/{name}/device/driver)") == "sd"
    assert "disk" in frontend.text(f"sg_inq {disk}")


def test_file_system(vms, disk):
    frontend, _, image = vms
    filesystem.fill_and_check(frontend, disk)
    # What the guest reads is what is in the file of the host that all of it ends in.
    seen = frontend.text(f"sha256sum <{disk}", timeout=120).split()[0]
    assert seen == hashlib.sha256(image.read_bytes()).hexdigest()


def test_fio_verify(vms, disk):
    frontend, _, _ = vms
    fio.run(frontend, disk, [
        {"rw": rw, "bs": bs, "iodepth": depth, "size": size, "fsync": 32}
        for rw in ("write", "randwrite")
        for bs, depth, size in (("512", 1, "64k"), ("4k", 32, "2m"), ("64k", 8, "8m"),
                                ("1m", 4, "16m"))])


def test_logical_unit_reset_under_load(vms, disk):
    """Task management goes all the way: the guest writes on after a reset."""
    frontend, _, _ = vms
    load = frontend.spawn(f"dd if=/dev/zero of={disk} bs=64k count=512 oflag=direct")
    frontend.run(f"sg_reset --device {disk}")
    assert load.wait(120).code == 0
