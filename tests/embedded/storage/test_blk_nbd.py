# SPDX-License-Identifier: BSD-3-Clause
"""A disk whose bytes are at an NBD server, which goes and comes back."""
import random
import time

import pytest

from harness import fio
from harness.iocheck import Iocheck
from programs import Nbd

ROUNDS = 3


@pytest.fixture
def server(programs, image):
    return programs.add(Nbd(programs.directory, image))


@pytest.fixture
def disk(vm, server, vhost_blk, plug):
    """Without a write cache: what was written is on the server's disk."""
    disk = plug(vhost_blk("--store", server.uri).socket)
    vm.run(f"echo write through >/sys/block/{disk.name}/cache_type")
    return disk


def interrupt(server):
    time.sleep(random.uniform(0.1, 0.5))
    server.kill()
    time.sleep(random.uniform(0, 0.5))
    server.start()


def test_server_is_killed(disk, vm, server, image):
    check = Iocheck(vm, disk.path, random.getrandbits(31))
    for _ in range(ROUNDS):
        check.wait_progress(5)
        interrupt(server)
        check.wait_progress()
        check.check()
    check.stop()
    check.verify_file(image)


def test_server_is_killed_under_fio(disk, vm, server):
    command = fio.start(vm, disk.path, [{"rw": "randwrite", "bsrange": "512-64k", "iodepth": 16,
                                         "size": "16m", "loops": 3}])
    for _ in range(ROUNDS):
        interrupt(server)
    fio.finish(command)
