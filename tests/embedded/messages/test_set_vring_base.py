# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, out_of_order, wrong_fds,
                             wrong_size)
from vhost_user import vring_state

MESSAGE = Message("SET_VRING_BASE", vring_state(0, 0))

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    assert frontend.ack("SET_VRING_BASE", vring_state(1, 77)) == 0
    assert testd.status()["rings"][1]["last_avail"] == 77


def test_twice_takes_the_last(testd, frontend):
    frontend.negotiate()
    frontend.send("SET_VRING_BASE", vring_state(0, 5))
    frontend.ack("SET_VRING_BASE", vring_state(0, 6))
    assert testd.status()["rings"][0]["last_avail"] == 6


@pytest.mark.parametrize("base", [0x10000, 0xffffffff])
def test_base_that_is_no_index(testd, frontend, base):
    frontend.negotiate()
    frontend.send("SET_VRING_BASE", vring_state(0, base))
    assert_refused(testd, frontend, "SET_VRING_BASE")


@pytest.mark.parametrize("index", [4, 255, 256, 0x10000, 0xffffffff])
def test_ring_out_of_range(testd, frontend, index):
    frontend.negotiate()
    frontend.send(MESSAGE.name, vring_state(index, 0))
    assert_refused(testd, frontend, MESSAGE.name, str(index))
