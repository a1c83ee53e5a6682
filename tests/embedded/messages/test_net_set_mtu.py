# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import u64

MESSAGE = Message("NET_SET_MTU", u64(1500), gate="MTU", first="closed")


@pytest.fixture
def testd_options():
    return ("--queues", "2", "--mtu-max", "9000")


test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    assert frontend.ack("NET_SET_MTU", u64(9000)) == 0
    assert testd.status()["mtu"] == 9000


def test_twice_takes_the_last(testd, frontend):
    frontend.negotiate()
    frontend.ack("NET_SET_MTU", u64(9000))
    frontend.ack("NET_SET_MTU", u64(1280))
    assert testd.status()["mtu"] == 1280


def test_refused_mtu_is_said_in_the_acknowledgement(testd, frontend):
    frontend.negotiate()
    assert frontend.ack("NET_SET_MTU", u64(9001)) != 0
    assert testd.status()["connected"]


@pytest.mark.parametrize("mtu", [0, 67, 65536, 1 << 32, 1 << 63])
def test_mtu_that_no_link_has(testd, frontend, mtu):
    frontend.negotiate()
    frontend.send("NET_SET_MTU", u64(mtu))
    assert_refused(testd, frontend, "NET_SET_MTU")
