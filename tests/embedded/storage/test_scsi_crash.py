# SPDX-License-Identifier: BSD-3-Clause
"""The program that serves a SCSI disk is killed at random moments under writes: nothing that was
done is lost, and nothing is done twice. As test_blk_crash.py, but for a frontend that can come
back to a SCSI device.
"""
import json

import pytest

from conftest import storage_vm
from harness import disks, images, qemu as qemus
from harness.iocheck import Iocheck
from harness.storage import slow_store
from test_blk_crash import ROUNDS, chance, no_io_errors  # noqa: F401

# QEMU's vhost-user-scsi knows of no second connection before.
RECONNECTS = (8, 2)
WORKERS = 16
QUEUES = 2

pytestmark = pytest.mark.timeout(120 + 60 * ROUNDS)


@pytest.fixture
def qemu():
    found = qemus.steady_frontend()
    if found.version < RECONNECTS:
        pytest.skip(f"vhost-user-scsi of QEMU {'.'.join(map(str, found.version))} does not "
                    "connect again; VVU_FRONTEND_QEMU or VVU_QEMU can name a QEMU 8.2")
    return found


def test_target_is_killed(machines, qemu, vhost_scsi, image, chance):  # noqa: F811
    lun = json.dumps({"store": json.loads(slow_store(image))})
    program = vhost_scsi("--lun", lun, "--queues", QUEUES, "--threads", QUEUES)
    vm = machines.add(storage_vm("scsi", images.iocheck(), qemu=qemu))
    vm.devices += disks.vhost_user_disk(qemu, "vhost-user-scsi-pci", program.socket,
                                        num_queues=QUEUES)
    vm.start()
    vm.run("modprobe -a virtio_scsi sd_mod")
    vm.wait_for("test -b /dev/sda")
    check = Iocheck(vm, "/dev/sda", chance.getrandbits(31), workers=WORKERS)
    check.through_kills(program, chance, ROUNDS)
    check.stop()
    check.verify_file(image)
    no_io_errors(vm)
    assert vm.poweroff() == 0
