# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import vring_addr

MESSAGE = Message("SET_VRING_ADDR", vring_addr(0, 0x1000, 0x2000, 0x3000))

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend, net):
    net.start(frontend)
    status = testd.wait(lambda s: s["rings"][0]["ready"] and s["rings"][1]["ready"])
    assert status["rings_ready"] == 2


def test_twice_keeps_the_indices(testd, frontend, net):
    net.start(frontend)
    assert net.send_frame(b"one" * 20) and net.receive_frame()
    frontend.send("SET_VRING_ADDR", net.tx.addr())
    frontend.send("SET_VRING_ADDR", net.rx.addr())
    frontend.barrier()
    assert net.send_frame(b"two" * 20) and net.receive_frame() == b"two" * 20


def test_before_the_memory_table(testd, frontend, net):
    """Any order is legal: the ring is ready once the table is there."""
    frontend.negotiate()
    net.tx.start(frontend)
    frontend.barrier()
    assert not testd.status()["rings"][1]["ready"]
    frontend.ack("SET_MEM_TABLE", net.guest.table(), net.guest.fds())
    testd.wait(lambda s: s["rings"][1]["ready"])


BAD = {"desc": (0x1008, 0x2000, 0x3000), "used": (0x1000, 0x2002, 0x3000),
       "avail": (0x1000, 0x2000, 0x3001)}


@pytest.mark.parametrize("part", BAD)
def test_misaligned(testd, frontend, part):
    frontend.negotiate()
    frontend.send("SET_VRING_ADDR", vring_addr(0, *BAD[part]))
    assert_refused(testd, frontend, "SET_VRING_ADDR", part)


@pytest.mark.parametrize("where", ["unmapped", "crossing the end"])
def test_ring_outside_memory_is_not_ready(testd, frontend, net, where):
    net.start(frontend)
    testd.wait(lambda s: s["rings"][1]["ready"])
    region = net.guest.regions[0]
    desc = region.uva + region.size - 16
    if where == "unmapped":
        desc += 1 << 20
    uva = net.guest.uva
    frontend.send("SET_VRING_ADDR", vring_addr(1, desc, uva(net.tx.used), uva(net.tx.avail)))
    frontend.barrier()
    assert testd.wait(lambda s: not s["rings"][1]["ready"])["rings"][0]["ready"]


@pytest.mark.parametrize("index", [4, 256, 0x10000, 0xffffffff])
def test_ring_out_of_range(testd, frontend, index):
    frontend.negotiate()
    frontend.send("SET_VRING_ADDR", vring_addr(index, 0x1000, 0x2000, 0x3000))
    assert_refused(testd, frontend, "SET_VRING_ADDR", str(index))
