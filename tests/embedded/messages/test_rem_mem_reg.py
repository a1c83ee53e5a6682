# SPDX-License-Identifier: BSD-3-Clause
import os

import pytest

from guest import Region
from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import single_region

REGION = (0, 1 << 20, 0x10000, 0)


def memfd():
    fd = os.memfd_create("region")
    os.ftruncate(fd, 1 << 20)
    return fd


def add(frontend):
    fd = memfd()
    assert frontend.ack("ADD_MEM_REG", single_region(*REGION), [fd]) == 0
    os.close(fd)


MESSAGE = Message("REM_MEM_REG", single_region(*REGION), gate="CONFIGURE_MEM_SLOTS", any_fds=(1,),
                  first="closed", prepare=add)

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    add(frontend)
    maps = testd.command("fds")["maps"]
    assert frontend.ack("REM_MEM_REG", single_region(*REGION)) == 0
    assert testd.status()["memory"] == []
    testd.wait(lambda _: testd.command("fds")["maps"] <= maps)


def test_descriptor_is_tolerated_and_closed(testd, frontend):
    frontend.negotiate()
    add(frontend)
    before = testd.command("fds")["fds"]
    fd = memfd()
    assert frontend.ack("REM_MEM_REG", single_region(*REGION), [fd]) == 0
    os.close(fd)
    testd.wait(lambda _: testd.command("fds")["fds"] <= before)


def test_mmap_offset_does_not_matter(testd, frontend):
    frontend.negotiate()
    add(frontend)
    assert frontend.ack("REM_MEM_REG", single_region(*REGION[:3], 0x7000)) == 0


def test_twice_is_refused(testd, frontend):
    frontend.negotiate()
    add(frontend)
    frontend.ack("REM_MEM_REG", single_region(*REGION))
    frontend.send("REM_MEM_REG", single_region(*REGION))
    assert_refused(testd, frontend, "REM_MEM_REG")


@pytest.mark.parametrize("other", [(4096, 1 << 20, 0x10000, 0), (0, 4096, 0x10000, 0),
                                   (0, 1 << 20, 0x20000, 0)])
def test_region_that_does_not_match(testd, frontend, other):
    frontend.negotiate()
    add(frontend)
    frontend.send("REM_MEM_REG", single_region(*other))
    assert_refused(testd, frontend, "REM_MEM_REG")


def test_ring_inside_a_removed_region_stops(testd, frontend):
    from guest import Guest, Ring
    guest = Guest(Region(0, 1 << 20))
    frontend.negotiate()
    region = guest.regions[0]
    frontend.ack("ADD_MEM_REG", single_region(*region.tuple), [region.fd])
    ring = Ring(guest, 1, 0x1000)
    ring.start(frontend)
    frontend.barrier()
    testd.wait(lambda s: s["rings"][1]["ready"])
    assert frontend.ack("REM_MEM_REG", single_region(*region.tuple)) == 0
    assert not testd.status()["rings"][1]["ready"]
    frontend.barrier()
    ring.close()
    guest.close()
