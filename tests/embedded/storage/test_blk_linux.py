# SPDX-License-Identifier: BSD-3-Clause
"""Linux uses a disk: partition, file system, fio with checksums. One of the back-ends is not
ours: where that one fails too, it is the test that is wrong."""
import pytest

from harness import filesystem, fio
from harness.iocheck import Iocheck
from programs import PeerBlk

SIZE = 64 << 20
BLOCKS = {"512": 256 << 10, "4k": 2 << 20, "64k": 8 << 20, "1m": 16 << 20}
DEPTHS = (1, 8, 64)


@pytest.fixture(params=["ram", "file", "peer"])
def disk(request, programs, vhost_blk, plug, image):
    if request.param == "peer":
        return plug(programs.add(PeerBlk(programs.directory, image)).socket)
    store = f"file:{image}" if request.param == "file" else f"ram:{SIZE}"
    return plug(vhost_blk("--store", store).socket)


def test_file_system(vm, disk):
    assert disk.size() == SIZE
    filesystem.fill_and_check(vm, filesystem.partition(vm, disk.path))


def matrix():
    """Every block size with every depth, in order and at random, each with its own part of the
    disk; some with fsync."""
    jobs, index = [], 0
    for bs, size in BLOCKS.items():
        for depth in DEPTHS:
            for rw in ("write", "randwrite"):
                jobs.append({"name": f"{rw}-{bs}-{depth}", "rw": rw, "bs": bs, "iodepth": depth,
                             "size": size, "offset": index % 3 * (16 << 20),
                             "fsync": 16 if index % 2 else 0})
                index += 1
    return jobs


@pytest.mark.parametrize("disk", ["file"], indirect=True)
def test_fio_verify(vm, disk):
    jobs = matrix()
    done = fio.run(vm, disk.path, jobs)
    assert [job["jobname"] for job in done] == [job["name"] for job in jobs]
    for job, asked in zip(done, jobs):
        # What was written was read back to the last byte.
        assert job["write"]["io_bytes"] == job["read"]["io_bytes"] == asked["size"]


def test_fio_mixed(vm, disk):
    """Reads and writes of mixed sizes, four at a time, each in a part of its own."""
    done = fio.run(vm, disk.path, [
        {"name": f"mixed{i}", "rw": "randrw", "bsrange": "512-128k", "blockalign": 512,
         "iodepth": 16, "size": "4m", "offset": f"{8 * i}m", "fdatasync": 32,
         "stonewall": None} for i in range(4)], group_reporting=0)
    assert len(done) == 4


def test_requests_of_many_pieces(vm, disk):
    """As many as Linux makes of what the device promises to take."""
    check = Iocheck(vm, disk.path, 1, workers=4, sectors=4096, longest=2048)
    check.wait_progress(100)
    check.stop()
