# SPDX-License-Identifier: BSD-3-Clause
"""What a Linux guest sees of a disk's features, and what it can do with them."""
import os
import time

import pytest

from harness import fio
from harness.agent import GuestError

SIZE = 64 << 20


def used_bytes(path):
    """What a file takes on the host's disk."""
    os.sync()
    return os.stat(path).st_blocks * 512


def test_serial(vm, vhost_blk, plug):
    """Linux asks for it with a request of its own, GET_ID."""
    disk = plug(vhost_blk("--store", "ram:1M", "--serial", "a-serial-of-20-chars").socket)
    assert disk.attribute("serial") == "a-serial-of-20-chars"


def test_read_only(vm, vhost_blk, plug, image):
    image.write_bytes(b"r" * (1 << 20))
    disk = plug(vhost_blk("--store", f"file:{image}", "--read-only").socket)
    assert disk.attribute("ro") == "1"
    assert disk.size() == 1 << 20
    assert vm.text(f"dd if={disk.path} bs=1M iflag=direct 2>/dev/null | tr -d r | wc -c") == "0"
    assert vm.run(f"dd if=/dev/zero of={disk.path} bs=512 count=1 oflag=direct",
                  check=False).code != 0
    assert image.read_bytes() == b"r" * (1 << 20)


def test_write_cache(vm, vhost_blk, plug, image):
    """The guest turns it off and on; what it writes is there either way."""
    disk = plug(vhost_blk("--store", f"file:{image}").socket)
    assert disk.attribute("queue/write_cache") == "write back"
    for mode in ("write through", "write back"):
        vm.run(f"echo {mode} >/sys/block/{disk.name}/cache_type")
        assert disk.attribute("cache_type") == mode
        assert disk.attribute("queue/write_cache") == mode
        fio.run(vm, disk.path, [{"rw": "randwrite", "bs": "4k", "size": "1m", "iodepth": 8}])


def test_discard_gives_space_back(vm, vhost_blk, plug, image):
    disk = plug(vhost_blk("--store", f"file:{image}").socket)
    vm.run(f"tr '\\0' d </dev/zero | dd of={disk.path} bs=1M count=32 iflag=fullblock oflag=direct")
    assert used_bytes(image) >= 32 << 20
    vm.run(f"blkdiscard -o {8 << 20} -l {16 << 20} {disk.path}")
    assert used_bytes(image) <= 17 << 20
    # A hole of a file reads as zeroes, and what is beside it is as it was.
    assert vm.text(f"dd if={disk.path} bs=1M iflag=direct skip=8 count=16 2>/dev/null "
                   "| tr -d '\\0' | wc -c") == "0"
    assert vm.text(f"dd if={disk.path} bs=1M iflag=direct count=32 2>/dev/null "
                   "| tr -d '\\0' | wc -c") == str(16 << 20)


def test_write_zeroes(vm, vhost_blk, plug, image):
    disk = plug(vhost_blk("--store", f"file:{image}").socket)
    vm.run(f"tr '\\0' z </dev/zero | dd of={disk.path} bs=1M count=4 iflag=fullblock oflag=direct")
    vm.run(f"blkdiscard -z -o {1 << 20} -l {2 << 20} {disk.path}")
    data = image.read_bytes()[:4 << 20]
    assert data == b"z" * (1 << 20) + bytes(2 << 20) + b"z" * (1 << 20)


def test_several_queues(vm, vhost_blk, plug):
    program = vhost_blk("--store", f"ram:{SIZE}", "--queues", 4, "--threads", 2)
    disk = plug(program.socket, num_queues=4)
    # One for each processor that there may be.
    assert len(vm.text(f"ls /sys/block/{disk.name}/mq").split()) == 4
    fio.run(vm, disk.path, [
        {"rw": "randwrite", "bs": "4k", "size": "2m", "iodepth": 8, "offset": f"{4 * cpu}m",
         "cpus_allowed": cpu, "stonewall": None} for cpu in (0, 1)])


def test_two_frontends_one_after_the_other(vm, vhost_blk, plug):
    """A function that is unplugged leaves the disk to the next."""
    program = vhost_blk("--store", f"ram:{SIZE}")
    disk = plug(program.socket)
    vm.run(f"echo first | dd of={disk.path} bs=512 conv=sync oflag=direct")
    disk.unplug()
    disk = plug(program.socket)
    assert vm.text(f"dd if={disk.path} bs=512 count=1 iflag=direct 2>/dev/null | head -n 1") \
        == "first"


@pytest.mark.parametrize("mode", ["interrupt", "adaptive", "poll"])
def test_modes(vm, vhost_blk, plug, mode):
    program = vhost_blk("--store", f"ram:{SIZE}", "--mode", mode)
    disk = plug(program.socket)
    fio.run(vm, disk.path, [{"rw": "randwrite", "bs": "4k", "size": "1m", "iodepth": depth}
                            for depth in (1, 16)])
    before = program.cpu_seconds()
    time.sleep(2)
    used = program.cpu_seconds() - before
    if mode == "poll":
        assert used > 0
    else:
        # It sleeps. The clock of the kernel ticks a hundred times a second.
        assert used <= 0.05
