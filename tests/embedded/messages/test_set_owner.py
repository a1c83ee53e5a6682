# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import Message, huge_size, out_of_order, wrong_fds, wrong_size

MESSAGE = Message("SET_OWNER")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)


def test_right(testd, frontend):
    frontend.negotiate()
    assert frontend.ack("SET_OWNER") == 0
    assert testd.status()["connected"]


def test_twice(testd, frontend):
    frontend.negotiate()
    for _ in range(2):
        frontend.send("SET_OWNER")
    frontend.barrier()
    assert testd.status()["connected"]
