# SPDX-License-Identifier: BSD-3-Clause
from messages.checks import (Message, huge_size, not_negotiated, out_of_order, wrong_fds,
                             wrong_size)

MESSAGE = Message("GET_QUEUE_NUM", reply=True, gate="MQ", first="closed")

test_wrong_size = wrong_size(MESSAGE)
test_huge_size = huge_size(MESSAGE)
test_wrong_fds = wrong_fds(MESSAGE)
test_out_of_order = out_of_order(MESSAGE)
test_not_negotiated = not_negotiated(MESSAGE)


def test_right(frontend):
    frontend.negotiate()
    assert frontend.ask("GET_QUEUE_NUM").u64 == 2


def test_twice(frontend):
    frontend.negotiate()
    assert frontend.ask("GET_QUEUE_NUM").u64 == frontend.ask("GET_QUEUE_NUM").u64
