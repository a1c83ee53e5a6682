# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import vring_state

MESSAGE = Message("SET_VRING_NUM", vring_state(0, 64))

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    assert frontend.ack("SET_VRING_NUM", vring_state(1, 128)) == 0
    assert testd.status()["rings"][1]["size"] == 128


def test_twice_takes_the_last(testd, frontend):
    frontend.negotiate()
    frontend.send("SET_VRING_NUM", vring_state(0, 64))
    frontend.ack("SET_VRING_NUM", vring_state(0, 32))
    assert testd.status()["rings"][0]["size"] == 32


@pytest.mark.parametrize("size", [0, 3, 1000, 32769, 65536, 0x80000000, 0xffffffff])
def test_size_that_no_split_ring_has(testd, frontend, size):
    frontend.negotiate()
    frontend.send("SET_VRING_NUM", vring_state(0, size))
    assert_refused(testd, frontend, "SET_VRING_NUM", str(size))


@pytest.mark.parametrize("index", [4, 255, 256, 0x10000, 0xffffffff])
def test_ring_out_of_range(testd, frontend, index):
    frontend.negotiate()
    frontend.send(MESSAGE.name, vring_state(index, 64))
    assert_refused(testd, frontend, MESSAGE.name, str(index))
