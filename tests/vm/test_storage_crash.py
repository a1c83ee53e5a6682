# SPDX-License-Identifier: BSD-3-Clause
"""The program that serves a disk from another VM is killed, and that VM is, under writes; nothing
that was done is lost, and nothing is done twice.

VVU_CRASH_ROUNDS kills each, 10 unless set; VVU_CRASH_SEED repeats a run.
"""
import os
import random
import signal
import time

import pytest

from harness import fio, images, storage
from harness.iocheck import Iocheck

ROUNDS = int(os.environ.get("VVU_CRASH_ROUNDS", "10"))
WORKERS = 16
SIZE = 64 << 20

pytestmark = pytest.mark.timeout(240 + 120 * ROUNDS)


@pytest.fixture
def chance():
    seed = int(os.environ.get("VVU_CRASH_SEED", random.SystemRandom().getrandbits(31)))
    print(f"VVU_CRASH_SEED={seed}")
    return random.Random(seed)


class Pair:
    """The two VMs; the disk of the frontend VM is a file of the host, by way of a disk of the
    backend VM."""

    def __init__(self, machines, image_of_frontend=None, scsi=False):
        self.machines, self.scsi = machines, scsi
        self.image = machines.dir / "store.img"
        with open(self.image, "wb") as file:
            file.truncate(SIZE)
        self.disk = "/dev/sda" if scsi else "/dev/vda"
        self.socket = machines.dir / "disk.sock"
        self.backends = 0
        self.start_backend(wait=False)
        self.frontend = machines.add(storage.frontend_vm(
            self.socket, "vhost-user-scsi-pci" if scsi else "vhost-user-blk-pci",
            image=image_of_frontend)).launch()
        self.serve()
        self.frontend.wait_up()
        self.frontend.run("modprobe -a virtio_blk virtio_scsi sd_mod")
        self.frontend.wait_for(f"test -b {self.disk}")

    def start_backend(self, wait=True):
        self.backend = self.machines.add(storage.backend_vm(
            self.socket, self.image, name=f"backend{self.backends}")).launch()
        self.backends += 1
        if wait:
            self.serve()

    def serve(self):
        self.backend.wait_up()
        self.backend.run("modprobe virtio_blk")
        if self.scsi:
            lun = f'{{"store": {storage.slow_store()}}}'
            self.target = storage.Target(self.backend, "vhost-scsi", "--lun", lun)
        else:
            self.target = storage.Target(self.backend, "vhost-blk", "--store",
                                         storage.slow_store())

    def wait_served(self):
        """The frontend's QEMU has come back, and has got as far as the features of its driver."""
        deadline = time.monotonic() + 60
        while not self.backend.qmp("x-query-virtio-vhost-user",
                                   path="/machine/peripheral/dev0/virtio-backend")["features"]:
            assert time.monotonic() < deadline, self.target.text()[-2000:]
            time.sleep(0.05)

    def kill_backend(self):
        assert self.backend.kill() == -signal.SIGKILL

    def finish(self, check=None):
        log = self.frontend.text("dmesg")
        assert "I/O error" not in log, log[-3000:]
        if check is not None:
            check.stop()
            check.verify_file(self.image)


@pytest.mark.parametrize("scsi", [False, True], ids=["blk", "scsi"])
def test_program_is_killed(machines, backend_qemu, chance, scsi):
    vms = Pair(machines, images.iocheck(), scsi)
    check = Iocheck(vms.frontend, vms.disk, chance.getrandbits(31), workers=WORKERS)
    check.through_kills(vms.target, chance, ROUNDS)
    vms.finish(check)


def test_backend_vm_is_killed(machines, backend_qemu, chance):
    vms = Pair(machines, images.iocheck())
    check = Iocheck(vms.frontend, "/dev/vda", chance.getrandbits(31), workers=WORKERS)
    for _ in range(ROUNDS):
        check.wait_progress(chance.randrange(1, 40))
        time.sleep(chance.uniform(0, 0.1))
        vms.kill_backend()
        vms.start_backend()
        check.wait_progress()
        check.check()
    vms.finish(check)


def test_program_is_killed_under_fio(machines, backend_qemu, chance):
    vms = Pair(machines)

    def kill():
        vms.target.kill()
        vms.target.start()
        vms.wait_served()

    fio.through_kills(vms.frontend, "/dev/vda", ROUNDS, lambda: chance.uniform(0.5, 2), kill)
    vms.finish()
