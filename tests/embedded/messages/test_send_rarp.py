# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import (Message, huge_size, not_negotiated, out_of_order, wrong_fds,
                             wrong_size)

MESSAGE = Message("SEND_RARP", bytes.fromhex("5254001234560000"), gate="RARP", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    assert frontend.ack("SEND_RARP", MESSAGE.payload) == 0
    assert testd.status()["rarp"] == "52:54:00:12:34:56"


def test_twice(testd, frontend):
    frontend.negotiate()
    for _ in range(2):
        assert frontend.ack("SEND_RARP", MESSAGE.payload) == 0
