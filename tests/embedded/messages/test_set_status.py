# SPDX-License-Identifier: BSD-3-Clause
import pytest

from messages.checks import (Message, assert_refused, huge_size, not_negotiated, out_of_order,
                             wrong_fds, wrong_size)
from vhost_user import u64

MESSAGE = Message("SET_STATUS", u64(1), gate="STATUS", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    for status in (1, 3, 11, 15):
        assert frontend.ack("SET_STATUS", u64(status)) == 0
    assert frontend.ask("GET_STATUS").u64 == 15


def test_twice(frontend):
    frontend.negotiate()
    for _ in range(2):
        assert frontend.ack("SET_STATUS", u64(3)) == 0
    assert frontend.ask("GET_STATUS").u64 == 3


def test_zero_is_a_reset(testd, frontend, net):
    net.start(frontend)
    frontend.ack("SET_STATUS", u64(15))
    testd.wait(lambda s: s["rings"][1]["ready"])
    assert frontend.ack("SET_STATUS", u64(0)) == 0
    assert not any(r["started"] for r in testd.status()["rings"])


@pytest.mark.parametrize("status", [256, 0x10000, 1 << 63])
def test_more_than_a_byte(testd, frontend, status):
    frontend.negotiate()
    frontend.send("SET_STATUS", u64(status))
    assert_refused(testd, frontend, "SET_STATUS")
