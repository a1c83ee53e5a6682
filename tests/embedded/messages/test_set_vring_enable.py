# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import vring_state

MESSAGE = Message("SET_VRING_ENABLE", vring_state(0, 1), first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend, net):
    net.start(frontend, enable=False)
    frontend.barrier()
    assert not testd.status()["rings"][1]["ready"]
    for index in (0, 1):
        assert frontend.ack("SET_VRING_ENABLE", vring_state(index, 1)) == 0
    testd.wait(lambda s: s["rings"][0]["ready"] and s["rings"][1]["ready"])
    assert net.send_frame(b"e" * 60) and net.receive_frame()


def test_disabled_ring_is_left_alone(testd, frontend, net):
    net.start(frontend)
    testd.wait(lambda s: s["rings"][1]["ready"])
    assert frontend.ack("SET_VRING_ENABLE", vring_state(0, 0)) == 0
    ring = testd.status()["rings"]
    assert not ring[0]["ready"] and ring[0]["started"] and ring[1]["ready"]


def test_twice(testd, frontend, net):
    net.start(frontend)
    for _ in range(2):
        assert frontend.ack("SET_VRING_ENABLE", vring_state(0, 1)) == 0
    testd.wait(lambda s: s["rings"][0]["ready"])


@pytest.mark.parametrize("value", [2, 0x80000000, 0xffffffff])
def test_neither_zero_nor_one(testd, frontend, value):
    frontend.negotiate()
    frontend.send("SET_VRING_ENABLE", vring_state(0, value))
    assert_refused(testd, frontend, "SET_VRING_ENABLE")


@pytest.mark.parametrize("index", [4, 255, 256, 0x10000, 0xffffffff])
def test_ring_out_of_range(testd, frontend, index):
    frontend.negotiate()
    frontend.send(MESSAGE.name, vring_state(index, 1))
    assert_refused(testd, frontend, MESSAGE.name, str(index))
