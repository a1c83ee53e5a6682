# SPDX-License-Identifier: BSD-3-Clause
"""The program that serves a disk is killed, and the frontend's QEMU is, at random moments under
writes: nothing that was done is lost, and nothing is done twice.

VVU_CRASH_ROUNDS kills each, 10 unless set; VVU_CRASH_SEED repeats a run.
"""
import os
import random
import time

import pytest

from conftest import storage_vm
from harness import disks, fio, images
from harness.iocheck import Iocheck
from harness.storage import slow_store

ROUNDS = int(os.environ.get("VVU_CRASH_ROUNDS", "10"))
WORKERS = 16

pytestmark = pytest.mark.timeout(120 + 60 * ROUNDS)


@pytest.fixture
def chance():
    seed = int(os.environ.get("VVU_CRASH_SEED", random.SystemRandom().getrandbits(31)))
    print(f"VVU_CRASH_SEED={seed}")
    return random.Random(seed)


def wait_served(program):
    """A back-end that is gone again while QEMU 7.2 sets up its new connection is more than that
    can take: it may connect once more, say nothing, and its guest waits for ever."""
    deadline = time.monotonic() + 60
    while not program.rpc("device.list")[0]["target"]["queues"][0]["ready"]:
        assert time.monotonic() < deadline, program.text()[-2000:]
        time.sleep(0.05)


def no_io_errors(vm):
    log = vm.text("dmesg")
    assert "I/O error" not in log, log[-3000:]


@pytest.mark.parametrize("queues, workers, packed", [
    (1, 1, False), (1, WORKERS, False), (2, 2 * WORKERS, False), (1, WORKERS, True),
    (2, 2 * WORKERS, True)])
def test_target_is_killed(vm, vhost_blk, plug, image, chance, queues, workers, packed):
    """What was under way when it was killed is done by the next one, before anything new, and
    the frontend notices nothing but the time that it takes."""
    vm.run("dmesg -c >/dev/null")
    program = vhost_blk("--store", slow_store(image), "--queues", queues, "--threads", queues,
                        *(["--packed"] if packed else []))
    disk = plug(program.socket, num_queues=queues, packed=packed)
    check = Iocheck(vm, disk.path, chance.getrandbits(31), workers=workers)
    check.through_kills(program, chance, ROUNDS)
    check.stop()
    check.verify_file(image)
    no_io_errors(vm)


def test_target_is_killed_under_fio(vm, vhost_blk, plug, image, chance):
    vm.run("dmesg -c >/dev/null")
    program = vhost_blk("--store", f"file:{image}", rpc=True)
    disk = plug(program.socket)

    def kill():
        program.kill()
        time.sleep(chance.uniform(0, 0.5))
        program.start()
        wait_served(program)

    fio.through_kills(vm, disk.path, ROUNDS, lambda: chance.uniform(0.3, 1.5), kill)
    no_io_errors(vm)


def test_frontend_is_killed(machines, vhost_blk, image, chance):
    """Its QEMU is gone in the middle of writes, and the next one finds all that was done. What
    was not done may be there in any part of it, and nothing else."""
    program = vhost_blk("--store", slow_store(image), "--queues", 2)
    check = None
    for index in range(ROUNDS + 1):
        vm = machines.add(storage_vm(f"crash{index}", images.iocheck()))
        vm.devices += disks.vhost_user_disk(vm.qemu, "vhost-user-blk-pci", program.socket,
                                            num_queues=1 + index % 2)
        vm.start()
        vm.run("modprobe virtio_blk")
        vm.wait_for("test -b /dev/vda")
        if check is not None:
            check.verify(vm, "/dev/vda")
        check = Iocheck(vm, "/dev/vda", chance.getrandbits(31), workers=WORKERS)
        check.wait_progress(chance.randrange(1, 40))
        time.sleep(chance.uniform(0, 0.1))
        vm.kill()
    assert program.stop() == 0
    check.verify_file(image)
