# SPDX-License-Identifier: BSD-3-Clause
import os

import pytest

from guest import Region
from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import single_region


def memfd():
    fd = os.memfd_create("region")
    os.ftruncate(fd, 1 << 20)
    return fd


MESSAGE = Message("ADD_MEM_REG", single_region(0, 1 << 20, 0x10000), fds=1, make_fd=memfd,
                  gate="CONFIGURE_MEM_SLOTS", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


@pytest.fixture
def regions():
    made = [Region(i << 21, 1 << 20, offset=4096 * i) for i in range(6)]
    yield made
    for region in made:
        region.close()


def test_right(testd, frontend, regions):
    frontend.negotiate()
    for region in regions:
        assert frontend.ack("ADD_MEM_REG", single_region(*region.tuple), [region.fd]) == 0
    memory = testd.status()["memory"]
    assert [r["gpa"] for r in memory] == [r.gpa for r in regions]
    spans = sorted((r["offset"], r["offset"] + r["size"]) for r in memory)
    assert all(a[1] <= b[0] for a, b in zip(spans, spans[1:])), "no two share window space"


def test_a_mapped_region_never_moves(testd, frontend, regions):
    frontend.negotiate()
    for region in regions[:3]:
        frontend.ack("ADD_MEM_REG", single_region(*region.tuple), [region.fd])
    where = {r["gpa"]: r["offset"] for r in testd.status()["memory"]}
    frontend.ack("REM_MEM_REG", single_region(*regions[1].tuple))
    frontend.ack("ADD_MEM_REG", single_region(*regions[3].tuple), [regions[3].fd])
    now = {r["gpa"]: r["offset"] for r in testd.status()["memory"]}
    assert now[regions[0].gpa] == where[regions[0].gpa]
    assert now[regions[2].gpa] == where[regions[2].gpa]


def test_hole_is_used_again(testd, frontend, regions):
    """Adding and removing for ever does not run out of window."""
    frontend.negotiate()
    for _ in range(300):
        assert frontend.ack("ADD_MEM_REG", single_region(*regions[0].tuple), [regions[0].fd]) == 0
        assert frontend.ack("REM_MEM_REG", single_region(*regions[0].tuple)) == 0
    assert testd.status()["memory"] == []


def test_twice_counts(testd, frontend, regions):
    """QEMU before 8.0 adds, and removes, every region once for each queue pair."""
    frontend.negotiate()
    region = regions[0]
    for _ in range(3):
        assert frontend.ack("ADD_MEM_REG", single_region(*region.tuple), [region.fd]) == 0
    assert len(testd.status()["memory"]) == 1
    for left in (1, 1, 0):
        assert frontend.ack("REM_MEM_REG", single_region(*region.tuple)) == 0
        assert len(testd.status()["memory"]) == left
    frontend.send("REM_MEM_REG", single_region(*region.tuple))
    assert_refused(testd, frontend, "REM_MEM_REG")


def test_twice_with_another_file_is_an_overlap(testd, frontend, regions):
    frontend.negotiate()
    frontend.ack("ADD_MEM_REG", single_region(*regions[0].tuple), [regions[0].fd])
    frontend.send("ADD_MEM_REG", single_region(*regions[0].tuple), [regions[1].fd])
    assert_refused(testd, frontend, "ADD_MEM_REG")


BAD = {"zero size": (0, 0, 0x10000, 0), "gpa wraps": (2**64 - 4096, 8192, 0x10000, 0),
       "uva wraps": (0, 8192, 2**64 - 4096, 0), "beyond the file": (0, 1 << 40, 0x10000, 0),
       "offset wraps": (0, 8192, 0x10000, 2**64 - 4096)}


@pytest.mark.parametrize("name", BAD)
def test_bad_region(testd, frontend, regions, name):
    frontend.negotiate()
    frontend.send("ADD_MEM_REG", single_region(*BAD[name]), [regions[0].fd])
    assert_refused(testd, frontend, "ADD_MEM_REG")
